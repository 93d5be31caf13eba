import type { Queryable } from '@banyan/postgres'
import { FatalProblem } from './failures.ts'
import type { LinkOptions } from './types.ts'

/**
 * Which history a database goes on from: the server's identifier and its timeline. Another one stands
 * there after a failover or a restore, and it may lack the last commits, a handover's close among them.
 *
 * @throws the server's answer while it is a standby (25006: nothing can be written there either).
 */
export async function serverIdentity(db: Queryable): Promise<string> {
  // The name of the segment now written, since the control file tells the timeline of the last checkpoint.
  const { rows } = await db.query<{ identity: string }>(
    `SELECT system_identifier || ' timeline ' ||
            ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int AS identity
       FROM pg_control_system()`,
  )
  return rows[0]!.identity
}

/**
 * Asked each time a stream connects: behind the same address may be the copy that a failover has promoted.
 *
 * @throws FatalProblem `server-changed`
 */
export async function requireServers(
  stream: string,
  servers: LinkOptions['servers'],
  from: Queryable,
  to: Queryable,
): Promise<void> {
  if (!servers) return
  for (const [db, was] of [
    [from, servers.from],
    [to, servers.to],
  ] as const) {
    const now = await serverIdentity(db)
    if (now === was) continue
    throw new FatalProblem('server-changed', `${stream} met server ${now}, not ${was}`)
  }
}
