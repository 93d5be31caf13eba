import type { Queryable } from '@banyan/postgres'
import { batchOf, DOCUMENT, type DocumentRow } from './document-row.ts'
import type { FeedBatch } from './engine.ts'

export type Reindexed = 'postgres' | 'opensearch'

export interface ReindexStatus {
  readonly engine: Reindexed
  readonly target: string
  readonly copied: number
  readonly askedAt: string
  readonly finishedAt: string | null
}

/**
 * Asks for a rebuilt index; whoever feeds, or rewrites, goes on from where it stands, also after a crash. While
 * one is under way another is not begun.
 *
 * @returns whether this began one
 */
export async function startReindex(db: Queryable, engine: Reindexed): Promise<boolean> {
  const { rowCount } = await db.query(
    'INSERT INTO search.reindexes (engine) VALUES ($1) ON CONFLICT DO NOTHING',
    [engine],
  )
  return rowCount === 1
}

/** The last ten, newest first. */
export async function listReindexes(db: Queryable): Promise<ReindexStatus[]> {
  const { rows } = await db.query<ReindexStatus & { askedAt: Date; finishedAt: Date | null }>(
    `SELECT engine, target, copied::int AS copied, asked_at AS "askedAt", finished_at AS "finishedAt"
       FROM search.reindexes ORDER BY id DESC LIMIT 10`,
  )
  return rows.map(({ askedAt, finishedAt, ...row }) => {
    const at = (moment: Date | null) => moment && new Date(moment).toISOString()
    return { ...row, askedAt: at(askedAt)!, finishedAt: at(finishedAt) }
  })
}

export interface Reindex {
  readonly id: string
  readonly target: string
  readonly copied: string
}

/** The reindex of OpenSearch that is under way, with an index for it to fill; null when there is none. */
export async function openReindex(
  db: Queryable,
  alias: string,
  current: string | null,
): Promise<Reindex | null> {
  const { rows } = await db.query<Reindex>(
    `SELECT id, target, copied FROM search.reindexes
      WHERE engine = 'opensearch' AND finished_at IS NULL`,
  )
  const reindex = rows[0]
  if (reindex === undefined) return null
  if (reindex.target !== '') return reindex
  // Numbered by the row, so a name is never used again.
  const target = `${alias}-${String(reindex.id).padStart(6, '0')}`
  if (target === current) throw new Error(`the index ${target} is searched already`)
  await db.query('UPDATE search.reindexes SET target = $2 WHERE id = $1', [reindex.id, target])
  return { ...reindex, target }
}

/** Copies the next documents. @returns whether there were any */
export async function copyNext(
  db: Queryable,
  { id }: Reindex,
  most: number,
  feed: (batch: FeedBatch) => Promise<void>,
): Promise<boolean> {
  const { rows } = await db.query<DocumentRow>(
    `SELECT d.type, d.id, ${DOCUMENT} FROM search.documents AS d, search.reindexes AS r
      WHERE r.id = $1 AND (d.type, d.id) > (r.after_type COLLATE "C", r.after_id COLLATE "C")
      ORDER BY d.type, d.id LIMIT $2`,
    [id, most],
  )
  const last = rows.at(-1)
  if (!last) return false
  const { index } = batchOf(rows)
  await feed({ index, remove: [] })
  await db.query(
    `UPDATE search.reindexes SET after_type = $2, after_id = $3, copied = copied + $4 WHERE id = $1`,
    [id, last.type, last.id, index.length],
  )
  return true
}

export async function finishReindex(db: Queryable, { id }: Pick<Reindex, 'id'>): Promise<void> {
  await db.query('UPDATE search.reindexes SET finished_at = now() WHERE id = $1', [id])
}

/** Rows rewritten in one statement. */
const BATCH = 1_000

/**
 * Computes anew what PostgreSQL finds documents by, a batch of rows at a time, while searches and changes go on:
 * after a change of `search.vector`. Goes on with one that was interrupted.
 *
 * @returns how many rows were rewritten, in all
 */
export async function rewriteVectors(db: Queryable): Promise<number> {
  await startReindex(db, 'postgres')
  for (;;) {
    const { rows } = await db.query<{ id: string; copied: number; wrote: number }>(
      `WITH run AS (
         SELECT * FROM search.reindexes WHERE engine = 'postgres' AND finished_at IS NULL FOR UPDATE
       ), next AS (
         SELECT d.type, d.id FROM search.documents AS d, run
          WHERE (d.type, d.id) > (run.after_type COLLATE "C", run.after_id COLLATE "C")
          ORDER BY d.type, d.id LIMIT $1 FOR UPDATE OF d
       ), written AS (
         UPDATE search.documents AS d
            SET vector = search.vector(d.type, d.title, d.tags, d.description)
           FROM next WHERE d.type = next.type AND d.id = next.id
         RETURNING d.type, d.id
       ), last AS (
         SELECT type, id, count(*) OVER () AS wrote FROM written ORDER BY type DESC, id DESC LIMIT 1
       )
       UPDATE search.reindexes AS r
          SET after_type = coalesce((SELECT type FROM last), r.after_type),
              after_id = coalesce((SELECT id FROM last), r.after_id),
              copied = r.copied + coalesce((SELECT wrote FROM last), 0),
              finished_at = CASE WHEN NOT EXISTS (SELECT FROM last) THEN now() END
         FROM run WHERE r.id = run.id
       RETURNING r.id, r.copied::int AS copied, coalesce((SELECT wrote FROM last), 0)::int AS wrote`,
      [BATCH],
    )
    // Another process ended it.
    if (!rows[0]) return 0
    if (rows[0].wrote === 0) return rows[0].copied
  }
}
