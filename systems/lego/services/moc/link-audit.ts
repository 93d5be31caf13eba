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
      for (const id of await missing(
        clients.gallery,
        kind,
        rows.flatMap((row) => row[kind]),
      )) {
        await transaction((tx) => dropLinks(tx, kind, id))
        gone++
      }
    }
    if (rows.length < AT_ONCE) break
    last = rows.at(-1)!.id
  }
  if (gone > 0) log.warn({ gone }, 'MOCs linked what Gallery does not have')
  return gone
}

type Linked = { readonly id: string }

async function missing(
  gallery: Context['clients']['gallery'],
  kind: Kind,
  links: readonly Linked[],
): Promise<string[]> {
  const ids = [...new Set(links.map(({ id }) => id))]
  const found: string[] = []
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE)
    const existing = new Set(await askGallery(gallery, kind, some))
    found.push(...some.filter((id) => !existing.has(id)))
  }
  return found
}
