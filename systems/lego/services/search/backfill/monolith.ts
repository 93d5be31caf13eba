import { type Pool, transaction } from '@banyan/postgres'
import type { Change, DocumentType } from '../document.ts'
import { type Recording, recordChanges } from '../documents.ts'

/** Documents in one transaction. */
const BATCH = 1_000

interface Row {
  readonly id: string
  readonly version: string
  readonly content: Exclude<Change['content'], 'gone'>
}

/** What is read of the monolith's tables, as members of a document. */
const TABLES: Readonly<Partial<Record<DocumentType, { from: string; content: string }>>> = {
  moc: {
    from: 'public.moc_instructions',
    content: `'tags', tags, 'theme', theme, 'author', author, 'pieces', total_piece_count`,
  },
  image: { from: 'public.gallery_images', content: `'tags', tags, 'hidden', flagged` },
  wishlist: { from: 'public.wishlist_items', content: `'theme', category` },
}

/**
 * Takes over what the monolith's database holds, while it is being written and while events arrive: what an
 * event told later than a row was written stays. Repeating it takes over what has changed since.
 *
 * @returns by type, how many documents now look different
 */
export async function backfillFromMonolith(
  monolith: Pool,
  own: Pool,
  recording: Recording,
): Promise<Record<string, number>> {
  const changed: Record<string, number> = {}
  for (const [type, { from, content }] of Object.entries(TABLES)) {
    changed[type] = 0
    let after = '00000000-0000-0000-0000-000000000000'
    for (;;) {
      const { rows } = await monolith.query<Row>(
        `SELECT id, (extract(epoch FROM updated_at) * 1000)::bigint AS version,
                jsonb_build_object('ownerId', user_id, 'title', title, 'description', description,
                                   ${content}) AS content
           FROM ${from} WHERE id > $1 ORDER BY id LIMIT $2`,
        [after, BATCH],
      )
      const changes = rows.map(({ id, version, content: said }) => {
        return { type: type as DocumentType, id, version: Number(version), content: said }
      })
      if (changes.length > 0) {
        changed[type] += await transaction(own, (tx) => recordChanges(tx, changes, recording))
      }
      if (rows.length < BATCH) break
      after = rows.at(-1)!.id
    }
  }
  return changed
}
