import type { Queryable } from '@banyan/postgres'
import { FatalProblem } from './failures.ts'
import { formatLsn, parseLsn } from './lsn.ts'

/**
 * A slot must exist, have all of its log, and not have been moved past what was applied: a slot that
 * was made anew, or confirmed by somebody else, would skip changes without a word.
 *
 * @throws FatalProblem `slot-lost`.
 */
export async function checkSlot(from: Queryable, slot: string, position: bigint): Promise<void> {
  const { rows } = await from.query<{
    wal_status: string | null
    confirmed: string | null
    log: string
    reason: string | null
  }>(
    // Servers tell the reason from 17 on.
    `SELECT wal_status, confirmed_flush_lsn::text AS confirmed, pg_current_wal_insert_lsn()::text AS log, to_jsonb(s) ->> 'invalidation_reason' AS reason
       FROM pg_replication_slots s WHERE slot_name = $1`,
    [slot],
  )
  const row = rows[0]
  if (!row)
    throw new FatalProblem('slot-lost', `slot ${slot} is gone: its tables must be copied again`)
  if (row.wal_status === 'lost' || row.confirmed === null) {
    throw new FatalProblem(
      'slot-lost',
      `slot ${slot} was invalidated (${row.reason ?? 'wal_removed'}), the server kept no more log for it: its tables must be copied again`,
    )
  }
  if (parseLsn(row.confirmed) > position) {
    throw new FatalProblem(
      'slot-lost',
      `slot ${slot} stands at ${row.confirmed}, past ${formatLsn(position)} where the stored progress ends: its tables must be copied again`,
    )
  }
  // A server restored, or promoted without the last commits, that were applied here all the same.
  if (parseLsn(row.log) < position) {
    throw new FatalProblem(
      'slot-lost',
      `the log ends at ${row.log}, before ${formatLsn(position)} where the stored progress ends: the tables of slot ${slot} must be copied again`,
    )
  }
}
