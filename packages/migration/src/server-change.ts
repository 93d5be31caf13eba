import { BanyanError } from '@banyan/contracts'
import { serverIdentity } from '@banyan/replication'
import type { TablesDependencies } from './dependencies.ts'
import { inState, type Side } from './sides.ts'
import type { ExtractionRow, ServerRecord } from './store.ts'

/**
 * Holds both servers against those the extraction was started on. A failover to a copy that lacks a
 * handover's last steps makes two writers: where a server is another now, both sides are closed, and stay
 * so until an operator has confirmed it. The first look remembers them.
 *
 * @throws BanyanError SERVER_CHANGED
 */
export async function requireSameServers(
  d: TablesDependencies,
  row: ExtractionRow,
  source: Side,
  target: Side,
): Promise<void> {
  const now: ServerRecord = {
    source: await serverIdentity(source.pool),
    target: await serverIdentity(target.pool),
  }
  const was = row.servers
  if (was === null) return d.store.keepServers(row.name, d.term, now)
  const changed = (['source', 'target'] as const).find((side) => was[side] !== now[side])
  if (!changed) return
  for (const side of [source, target]) {
    const open = inState(await side.ownership(), 'open')
    if (open.size > 0) await side.flip(open, 'open', 'closed')
  }
  throw new BanyanError('SERVER_CHANGED', {
    side: changed,
    extraction: row.name,
    was: was[changed],
    now: now[changed],
  })
}

/** Whether this side alone is still the server that is remembered. */
export async function isSameServer(row: ExtractionRow, side: Side): Promise<boolean> {
  return row.servers === null || row.servers[side.name] === (await serverIdentity(side.pool))
}
