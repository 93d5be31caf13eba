import { asc, gt } from 'drizzle-orm'
import type { Context } from './context.ts'
import { dropLinks } from './dangling.ts'
import { askGallery, type Kind } from './links.ts'
import { mocs } from './schema.ts'

/** MOCs read at once, and ids that Gallery is asked about at once. */
const AT_ONCE = 100

/**
 * Asks Gallery about every link, and takes out those to what is not there: of an event that never came, or of what
 * was deleted while another side owned the MOC.
 *
 * @returns how many images and albums were linked and are not there.
 * @throws CallError when Gallery does not answer; what was done until then stays
 */
export async function auditLinks({ clients, db, log, transaction }: Context): Promise<number> {
  let gone = 0
  let last: string | null = null
  for (;;) {
    const rows: { id: string; image: readonly Linked[]; album: readonly Linked[] }[] = await db
      .select({ id: mocs.id, image: mocs.galleryImageIds, album: mocs.galleryAlbumIds })
      .from(mocs)
      .where(last === null ? undefined : gt(mocs.id, last))
      .orderBy(asc(mocs.id))
      .limit(AT_ONCE)
    for (const kind of ['image', 'album'] as const) {
      const ids = rows.flatMap((row) => row[kind]).map(({ id }) => id)
      gone += (await dropMissing({ clients, transaction }, kind, ids)).length
    }
    if (rows.length < AT_ONCE) break
    last = rows.at(-1)!.id
  }
  if (gone > 0) log.warn({ gone }, 'MOCs linked what Gallery does not have')
  return gone
}

type Linked = { readonly id: string }

/**
 * Takes out of all MOCs those of the images, or albums, that Gallery does not have.
 *
 * @returns which it does not have
 * @throws CallError when Gallery does not answer; what was done until then stays
 */
export async function dropMissing(
  { clients, transaction }: Pick<Context, 'clients' | 'transaction'>,
  kind: Kind,
  linked: readonly string[],
): Promise<string[]> {
  const ids = [...new Set(linked)]
  const missing: string[] = []
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE)
    const existing = new Set(await askGallery(clients.gallery, kind, some))
    for (const id of some.filter((one) => !existing.has(one))) {
      await transaction((tx) => dropLinks(tx, kind, id))
      missing.push(id)
    }
  }
  return missing
}
