import type { Pool, Queryable } from '@banyan/postgres'
import type { Change } from '../document.ts'
import { type Recording, recordChanges } from '../documents.ts'
import { MONOLITH_TYPES, type MonolithType, rowsOf } from './rows.ts'

/** Documents in one turn. */
const BATCH = 500

/** A document that the monolith changed, and how often it had by then. */
export interface Noted {
  readonly type: MonolithType
  readonly id: string
  readonly revision: string
}

/**
 * Takes over, in the caller's transaction, what the monolith noted as changed in its table `search_changes`.
 * To be struck out when that is committed: a crash between the two has it taken over twice, and never forgotten.
 */
export async function takeOverNoted(
  monolith: Pool,
  tx: Queryable,
  recording: Recording,
): Promise<readonly Noted[]> {
  const { rows: noted } = await monolith.query<Noted>(
    `SELECT type, document_id AS id, revision FROM public.search_changes
      ORDER BY changed_at LIMIT $1`,
    [BATCH],
  )
  const changes: Change[] = []
  for (const type of MONOLITH_TYPES) {
    const ids = noted.filter((one) => one.type === type).map(({ id }) => id)
    if (ids.length === 0) continue
    const there = await rowsOf(monolith, type, ids)
    const known = new Set(there.map(({ id }) => id))
    const gone = ids.filter((id) => !known.has(id))
    changes.push(...there, ...gone.map((id) => goneOf(type, id)))
  }
  if (changes.length > 0) await recordChanges(tx, changes, recording)
  return noted
}

function goneOf(type: MonolithType, id: string): Change {
  return { type, id, version: Date.now(), content: 'gone' }
}

/** What changed again meanwhile stays noted. */
export async function strikeOut(monolith: Pool, noted: readonly Noted[]): Promise<void> {
  await monolith.query(
    `DELETE FROM public.search_changes AS c
      USING jsonb_to_recordset($1::jsonb) AS d (type text, id uuid, revision bigint)
      WHERE c.type = d.type AND c.document_id = d.id AND c.revision = d.revision`,
    [JSON.stringify(noted)],
  )
}

/** Age of the oldest change that was not taken over yet, ms; 0 when there is none. */
export async function monolithLagMs(monolith: Pool): Promise<number> {
  const { rows } = await monolith.query<{ ms: number }>(
    `SELECT coalesce(extract(epoch FROM clock_timestamp() - min(changed_at)) * 1000, 0)::float8 AS ms
       FROM public.search_changes`,
  )
  return Math.round(rows[0]!.ms)
}
