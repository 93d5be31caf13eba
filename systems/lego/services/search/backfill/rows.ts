import type { Pool } from '@banyan/postgres'
import type { Change, DocumentType } from '../document.ts'

interface Row {
  readonly id: string
  readonly version: string
  readonly content: Exclude<Change['content'], 'gone'>
}

/** What is read of the monolith's tables, as members of a document. */
const TABLES = {
  moc: {
    from: 'public.moc_instructions',
    content: `'tags', tags, 'theme', theme, 'author', author, 'pieces', total_piece_count`,
  },
  image: { from: 'public.gallery_images', content: `'tags', tags, 'hidden', flagged` },
  wishlist: { from: 'public.wishlist_items', content: `'theme', category` },
} as const satisfies Partial<Record<DocumentType, { from: string; content: string }>>

/** Documents whose rows the monolith has. */
export type MonolithType = keyof typeof TABLES
export const MONOLITH_TYPES = Object.keys(TABLES) as readonly MonolithType[]

/** The rows after an id, in their order, as what they say of their documents. */
export function rowsAfter(
  monolith: Pool,
  type: MonolithType,
  after: string,
  most: number,
): Promise<Change[]> {
  return read(monolith, type, 'id > $1 ORDER BY id LIMIT $2', [after, most])
}

/** Those of these ids that are there. */
export function rowsOf(
  monolith: Pool,
  type: MonolithType,
  ids: readonly string[],
): Promise<Change[]> {
  return read(monolith, type, 'id = ANY ($1::uuid[])', [ids])
}

export async function countRows(monolith: Pool): Promise<number> {
  const counts = MONOLITH_TYPES.map((type) => `(SELECT count(*) FROM ${TABLES[type].from})`)
  const { rows } = await monolith.query<{ total: string }>(`SELECT ${counts.join(' + ')} AS total`)
  return Number(rows[0]!.total)
}

async function read(
  monolith: Pool,
  type: MonolithType,
  where: string,
  values: unknown[],
): Promise<Change[]> {
  const { from, content } = TABLES[type]
  const { rows } = await monolith.query<Row>(
    `SELECT id, (extract(epoch FROM updated_at) * 1000)::bigint AS version,
            jsonb_build_object('ownerId', user_id, 'title', title, 'description', description,
                               ${content}) AS content
       FROM ${from} WHERE ${where}`,
    values,
  )
  return rows.map((row) => ({
    type,
    id: row.id,
    version: Number(row.version),
    content: row.content,
  }))
}
