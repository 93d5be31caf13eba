import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { GalleryIds } from '../services/moc/client.ts'

/** Where a capability's rows are read. */
export interface Holder {
  readonly side: 'source' | 'target'
  readonly url: string
}

export interface Dangling {
  readonly links: number
  /** At most 20, in words. */
  readonly examples: readonly string[]
}

interface LinkRow {
  readonly moc: string
  readonly id: string
}

type Kind = 'image' | 'album'

/** What has the links of the MOCs it owns asked about, and those to what is not there taken out. */
export interface LinkKeeper {
  checkLinks(call: { readonly body: GalleryIds }): Promise<GalleryIds>
}

const BATCH = 1_000
const EXAMPLES = 20
/** Ids that the keeper is asked about at once, of each kind. */
const ASKED = 100

/** All links after one (`$1`, `$2`), in their order; `$3` of them. */
const LINKS: Record<Holder['side'], (kind: Kind) => string> = {
  source: (kind) =>
    page(`SELECT moc_id AS moc, gallery_${kind}_id AS id FROM public.moc_gallery_${kind}s`),
  target: (kind) =>
    page(
      `SELECT mocs.id AS moc, (link ->> 'id')::uuid AS id
       FROM moc.mocs CROSS JOIN jsonb_array_elements(gallery_${kind}_ids) AS link`,
    ),
}

const page = (select: string) => `
  SELECT moc, id FROM (${select}) AS one
   WHERE $1::uuid IS NULL OR (moc, id) > ($1::uuid, $2::uuid) ORDER BY moc, id LIMIT $3`

/** Which of these (`$1`) there are. */
const EXISTING: Record<Holder['side'], (kind: Kind) => string> = {
  source: (kind) => `SELECT id FROM public.gallery_${kind}s WHERE id = ANY ($1::uuid[])`,
  target: (kind) => `SELECT id FROM gallery.${kind}s WHERE id = ANY ($1::uuid[])`,
}

/** What differs, or is not there, is looked at again, so often and so far apart: it may only be under way. */
export interface Patience {
  readonly looks: number
  readonly apartMs: number
}

/** Links of MOCs to images and albums that the gallery does not have, and does not have some seconds later either. */
export async function findDangling(
  mocs: Holder,
  gallery: Holder,
  patience: Patience,
): Promise<Dangling> {
  const { image, album } = await findLinks(mocs, gallery, patience)
  const told = (kind: Kind, links: readonly LinkRow[]) =>
    links.map(({ moc, id }) => `MOC ${moc} links ${kind} ${id}, which is not there`)
  return {
    links: image.length + album.length,
    examples: [...told('image', image), ...told('album', album)].slice(0, EXAMPLES),
  }
}

/**
 * Has the owner of the MOCs take out what is not there: what was deleted while they were another's, or before they
 * came to it.
 *
 * @returns how many images and albums those links were to
 */
export async function removeDangling(
  mocs: Holder,
  gallery: Holder,
  patience: Patience,
  keeper: LinkKeeper,
): Promise<number> {
  const { image, album } = await findLinks(mocs, gallery, patience)
  const idsOf = (links: readonly LinkRow[]) => [...new Set(links.map(({ id }) => id))]
  const [images, albums] = [idsOf(image), idsOf(album)]
  let gone = 0
  for (let at = 0; at < Math.max(images.length, albums.length); at += ASKED) {
    const body = { images: images.slice(at, at + ASKED), albums: albums.slice(at, at + ASKED) }
    const answer = await keeper.checkLinks({ body })
    gone += answer.images.length + answer.albums.length
  }
  return gone
}

async function findLinks(
  mocs: Holder,
  gallery: Holder,
  { looks, apartMs }: Patience,
): Promise<Record<Kind, readonly LinkRow[]>> {
  const [linking, linked] = [mocs, gallery].map(({ url }) => new pg.Client(url)) as [
    pg.Client,
    pg.Client,
  ]
  await Promise.all([linking.connect(), linked.connect()])
  try {
    const found: Record<Kind, readonly LinkRow[]> = { image: [], album: [] }
    for (const kind of ['image', 'album'] as const) {
      let dangling = await look(linking, linked, mocs, gallery, kind)
      for (let again = 1; again < looks && dangling.length > 0; again++) {
        await delay(apartMs)
        dangling = await look(linking, linked, mocs, gallery, kind)
      }
      found[kind] = dangling
    }
    return found
  } finally {
    await Promise.all([linking.end(), linked.end()])
  }
}

async function look(
  linking: pg.Client,
  linked: pg.Client,
  mocs: Holder,
  gallery: Holder,
  kind: Kind,
): Promise<LinkRow[]> {
  const dangling: LinkRow[] = []
  let last: LinkRow | undefined
  for (;;) {
    const { rows }: { rows: LinkRow[] } = await linking.query(LINKS[mocs.side](kind), [
      last?.moc ?? null,
      last?.id ?? null,
      BATCH,
    ])
    if (rows.length > 0) {
      const there = await linked.query<{ id: string }>(EXISTING[gallery.side](kind), [
        [...new Set(rows.map(({ id }) => id))],
      ])
      const ids = new Set(there.rows.map(({ id }) => id))
      dangling.push(...rows.filter(({ id }) => !ids.has(id)))
    }
    if (rows.length < BATCH) return dangling
    last = rows.at(-1)
  }
}
