import { idOf } from '../../monolith-shape.ts'
import type { Context } from './context.ts'
import { Moc } from './messages.ts'
import { getMoc } from './mocs.ts'

/** At most; a change is heard of long before. 5 minutes. */
const TTL_MS = 300_000

/** Answers the MOC that a path names, to who asks. @throws BanyanError NOT_FOUND */
export type FindMoc = (asked: {
  readonly user: { readonly userId: string }
  readonly params: { readonly id: string }
}) => Promise<Moc>

/**
 * MOCs as everybody sees them, from the cache. The database says which one changed, whoever changed it: others see
 * that when it is heard, milliseconds later. Its owner, who alone changes a MOC, reads the database, and so never
 * misses a change of theirs: made by way of another process, or of the monolith just before a handover. For answers
 * only: who changes a MOC locks its row.
 */
export function openMocs({ db, cache }: Pick<Context, 'db' | 'cache'>): FindMoc {
  const kept = cache.openHeard({
    ...{ name: 'mocs', schema: Moc, ttlMs: TTL_MS },
    channel: 'moc_changed',
  })
  return async ({ user, params }) => {
    const id = idOf(params.id, 'MOC')
    let read: Moc | undefined
    const moc = await kept.getOrLoad(id, async () => {
      read = await getMoc(db, id)
      return read
    })
    // What another request began to read is not new enough for its owner either.
    return read ?? (moc.userId === user.userId ? getMoc(db, id) : moc)
  }
}
