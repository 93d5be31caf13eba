import type { Queryable } from '@banyan/postgres'
import { type Change, type Content, type Merged, merge, type StoredDocument } from './document.ts'

/** Whether an index outside must be told of what changes. */
export interface Recording {
  readonly feeds: boolean
}

interface Row {
  type: StoredDocument['type']
  id: string
  owner_id: string | null
  title: string | null
  description: string | null
  tags: string[]
  theme: string | null
  author: string | null
  pieces: number | null
  hidden: boolean
  gone: boolean
  versions: StoredDocument['versions']
}

/*
 * Where rows come as JSON, LIMIT says how many there are: PostgreSQL takes them for a hundred otherwise, and reads the
 * whole table for the one row that an event is about.
 */

/**
 * Takes over what was said of documents, in the caller's transaction; what it knows better stays as it is.
 *
 * @returns how many documents now look different
 */
export async function recordChanges(
  tx: Queryable,
  changes: readonly Change[],
  { feeds }: Recording,
): Promise<number> {
  const keys = JSON.stringify([
    ...new Map(changes.map(({ type, id }) => [`${type} ${id}`, { type, id }])).values(),
  ])
  // In the order of their keys, here and below: two transactions that share documents do not lock each other out.
  await tx.query(
    `INSERT INTO search.documents (type, id)
     SELECT type, id FROM jsonb_to_recordset($1::jsonb) AS k (type text, id text)
      ORDER BY type COLLATE "C", id COLLATE "C" ON CONFLICT DO NOTHING`,
    [keys],
  )
  const { rows } = await tx.query<Row>(
    `SELECT type, id, owner_id, title, description, tags, theme, author, pieces, hidden,
            deleted_at IS NOT NULL AS gone, versions
       FROM search.documents
      WHERE (type, id) IN
            (SELECT type, id FROM jsonb_to_recordset($1::jsonb) AS k (type text, id text) LIMIT $2)
      ORDER BY type, id FOR UPDATE`,
    [keys, changes.length],
  )
  const documents = new Map(rows.map((row) => [`${row.type} ${row.id}`, stored(row)]))
  const changed = new Map<string, Merged>()
  for (const change of changes) {
    const key = `${change.type} ${change.id}`
    const merged = merge(documents.get(key)!, change)
    if (!merged) continue
    documents.set(key, merged)
    changed.set(key, { ...merged, seen: merged.seen || (changed.get(key)?.seen ?? false) })
  }
  if (changed.size === 0) return 0
  return write(tx, [...changed.values()], feeds)
}

async function write(tx: Queryable, documents: readonly Merged[], feeds: boolean): Promise<number> {
  const { rows } = await tx.query<{ count: number }>(
    `WITH given AS (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS d (
         type text, id text, owner_id text, title text, description text, tags text[], theme text,
         author text, pieces integer, hidden boolean, gone boolean, versions jsonb, seen boolean)
       LIMIT $3
     ), written AS (
       UPDATE search.documents AS d
          SET owner_id = g.owner_id, title = g.title, description = g.description, tags = g.tags,
              theme = g.theme, author = g.author, pieces = g.pieces, hidden = g.hidden,
              deleted_at = CASE WHEN g.gone THEN now() END, versions = g.versions,
              revision = CASE WHEN g.seen THEN nextval('search.revisions') ELSE d.revision END,
              vector = search.vector(g.type, g.title, g.tags, g.description)
         FROM given AS g WHERE d.type = g.type AND d.id = g.id
       RETURNING d.type, d.id, d.revision, g.seen
     ), fed AS (
       INSERT INTO search.feed (type, id, revision)
       SELECT type, id, revision FROM written WHERE seen AND $2
       -- Since when it waits stays: the lag is that of the oldest change that is not through.
       ON CONFLICT (type, id) DO UPDATE SET revision = excluded.revision, due_at = now(), attempts = 0
     )
     SELECT count(*)::int AS count FROM written WHERE seen`,
    [JSON.stringify(documents.map(rowOf)), feeds, documents.length],
  )
  return rows[0]!.count
}

function rowOf({ type, id, content, versions, gone, seen }: Merged): object {
  return {
    type,
    id,
    owner_id: content.ownerId,
    title: content.title,
    description: content.description,
    tags: content.tags ?? [],
    theme: content.theme,
    author: content.author,
    pieces: content.pieces,
    hidden: content.hidden ?? false,
    gone,
    versions,
    seen,
  }
}

/** Only what somebody has said: the row's other members are not known to be empty. */
function stored(row: Row): StoredDocument {
  const { type, id, gone, versions } = row
  const all: Content = {
    ownerId: row.owner_id,
    title: row.title ?? '',
    description: row.description,
    tags: row.tags,
    theme: row.theme,
    author: row.author,
    pieces: row.pieces,
    hidden: row.hidden,
  }
  const known = Object.entries(all).filter(([member]) => member in versions)
  return { type, id, gone, versions, content: Object.fromEntries(known) }
}

/** For so long an event may come late: inboxes remember for 7 days what they have heard. */
const DELETED_KEPT = '30 days'

/** Forgets documents that were deleted long ago: nothing can bring them back any more. */
export async function forgetDeleted(db: Queryable): Promise<void> {
  await db.query(
    `DELETE FROM search.documents AS d
      WHERE deleted_at < now() - $1::interval
        AND NOT EXISTS (SELECT FROM search.feed AS f WHERE f.type = d.type AND f.id = d.id)`,
    [DELETED_KEPT],
  )
}
