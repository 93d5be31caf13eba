import type { FeedBatch, IndexedDocument } from './engine.ts'

export interface DocumentRow extends Omit<IndexedDocument, 'revision'> {
  readonly revision: string
  readonly visible: boolean
}

/** A document as an engine is given it, of `search.documents AS d`. */
export const DOCUMENT = `d.revision, d.visible, d.owner_id AS "ownerId", d.title, d.description, d.tags,
  d.theme, d.author, d.pieces`

/** What cannot be found must not be there: flagged images are taken out, too. */
export function batchOf(rows: readonly DocumentRow[]): FeedBatch {
  const plain = rows.map((row) => ({ ...row, revision: Number(row.revision) }))
  return {
    index: plain.filter(({ visible }) => visible),
    remove: plain.filter(({ visible }) => !visible),
  }
}
