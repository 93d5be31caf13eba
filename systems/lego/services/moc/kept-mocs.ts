import type { App } from '@banyan/service'
import { idOf } from '../../monolith-shape.ts'
import type { Context } from './context.ts'
import { Moc } from './messages.ts'
import { getMoc } from './mocs.ts'

/** At most; a change is heard of long before. 5 minutes. */
const TTL_MS = 300_000

/** Answers the MOC that a path names. @throws BanyanError NOT_FOUND */
export type FindMoc = (id: string) => Promise<Moc>

/**
 * MOCs as everybody sees them, from the cache. The database says which one changed, whoever changed it. What is
 * written by way of `app`'s routes that name a MOC is seen by who wrote it at once, and by all others when that is
 * heard, milliseconds later. Only for reading: who changes a MOC locks its row.
 */
export function keepMocs(app: App, context: Context): FindMoc {
  const { db, cache } = context
  const kept = cache.openHeard({
    ...{ name: 'mocs', schema: Moc, ttlMs: TTL_MS },
    channel: 'moc_changed',
  })
  // The work is committed by then, and nothing is sent yet.
  app.addHook('onSend', async ({ method, params }, { statusCode }) => {
    const { id } = params as { readonly id?: string }
    if (id === undefined || method === 'GET' || method === 'HEAD' || statusCode >= 400) return
    await kept.delete(idOf(id, 'MOC'))
  })
  return async (given) => {
    const id = idOf(given, 'MOC')
    return kept.getOrLoad(id, () => getMoc(db, id))
  }
}
