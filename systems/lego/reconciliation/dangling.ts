import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

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

const BATCH = 1_000
const EXAMPLES = 20

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

/** Links of MOCs to images and albums that the gallery does not have, and does not have some seconds later either. */
export async function findDangling(
  mocs: Holder,
  gallery: Holder,
  { looks, apartMs }: { readonly looks: number; readonly apartMs: number },
): Promise<Dangling> {
  const [linking, linked] = [mocs, gallery].map(({ url }) => new pg.Client(url)) as [
    pg.Client,
    pg.Client,
  ]
  await Promise.all([linking.connect(), linked.connect()])
  try {
    const found = { links: 0, examples: [] as string[] }
    for (const kind of ['image', 'album'] as const) {
      let dangling = await look(linking, linked, mocs, gallery, kind)
      for (let again = 1; again < looks && dangling.length > 0; again++) {
        await delay(apartMs)
        dangling = await look(linking, linked, mocs, gallery, kind)
      }
      found.links += dangling.length
      found.examples.push(
        ...dangling.map(({ moc, id }) => `MOC ${moc} links ${kind} ${id}, which is not there`),
      )
    }
    return { links: found.links, examples: found.examples.slice(0, EXAMPLES) }
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
