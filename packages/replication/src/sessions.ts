import type { Queryable } from '@banyan/postgres'

/** Ends a session of ours that no younger engine owns, and waits until it is gone. */
export async function endSession(db: Queryable, pid: number, token: bigint): Promise<void> {
  await db.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
      WHERE pid = $1 AND application_name ~ '^banyan/[0-9]+/'
        AND split_part(application_name, '/', 2)::bigint <= $2`,
    [pid, token.toString()],
  )
}

/** Ends whoever reads this slot, unless a younger engine does. */
export async function endSlotReader(db: Queryable, slot: string, token: bigint): Promise<void> {
  // A reader only: whoever drops the slot holds it for that moment too.
  const { rows } = await db.query<{ pid: number }>(
    `SELECT a.pid FROM pg_replication_slots s JOIN pg_stat_activity a ON a.pid = s.active_pid
      WHERE s.slot_name = $1 AND a.backend_type = 'walsender'`,
    [slot],
  )
  if (rows[0]) await endSession(db, rows[0].pid, token)
}
