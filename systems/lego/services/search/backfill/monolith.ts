import { type Pool, transaction } from '@banyan/postgres'
import { type Recording, recordChanges } from '../documents.ts'
import { MONOLITH_TYPES, rowsAfter } from './rows.ts'

/** Documents in one transaction. */
const BATCH = 1_000

/**
 * Takes over what the monolith's database holds, while it is being written and while events arrive: what an
 * event told later than a row was written stays. Repeating it takes over what has changed since.
 *
 * @param onBatch told how many rows were looked at, after each batch; what it throws ends the taking over
 * @returns by type, how many documents now look different
 */
export async function backfillFromMonolith(
  monolith: Pool,
  own: Pool,
  recording: Recording,
  onBatch: (rows: number) => Promise<void> = async () => {},
): Promise<Record<string, number>> {
  const changed: Record<string, number> = {}
  for (const type of MONOLITH_TYPES) {
    changed[type] = 0
    let after = '00000000-0000-0000-0000-000000000000'
    for (;;) {
      const changes = await rowsAfter(monolith, type, after, BATCH)
      if (changes.length > 0) {
        changed[type] += await transaction(own, (tx) => recordChanges(tx, changes, recording))
        await onBatch(changes.length)
      }
      if (changes.length < BATCH) break
      after = changes.at(-1)!.id
    }
  }
  return changed
}
