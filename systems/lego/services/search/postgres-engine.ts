import type { Queryable } from '@banyan/postgres'
import {
  type FacetCount,
  type Facets,
  type Filters,
  type Hit,
  MOST_VALUES,
  PIECE_RANGES,
  type Query,
  type SearchEngine,
  type SuggestQuery,
} from './engine.ts'
import type { Recent } from './recent.ts'

/** PostgreSQL's full text over our own table: what it answers, and in which order, is as in the monolith. */
export class PostgresEngine implements SearchEngine {
  readonly name = 'postgres'
  readonly #db: Queryable
  readonly #recent: Recent | null

  /** @param recent what is found as it stands here, whatever stands in the table */
  constructor(db: Queryable, recent: Recent | null = null) {
    this.#db = db
    this.#recent = recent
  }

  /** The same, that sees what the viewer did just now. */
  with(recent: Recent): PostgresEngine {
    return new PostgresEngine(this.#db, recent)
  }

  async search(query: Query): Promise<readonly Hit[]> {
    const { text, type, viewer, theme, author, pieces, limit, offset } = query
    const [from, below] = pieces === undefined ? [null, null] : PIECE_RANGES[pieces]
    const documents = documentsWith(this.#recent, 10)
    const { rows } = await this.#db.query<Hit>(
      `SELECT id, title, description, ts_rank(vector, words)::float8 AS rank
         FROM ${documents.sql}, websearch_to_tsquery('english', $1) AS words
        WHERE vector @@ words AND visible AND type = $2 AND ${mayBeSeenBy('$3')}
          AND ($4::text IS NULL OR theme = $4) AND ($5::text IS NULL OR author = $5)
          AND ($6::int IS NULL OR pieces >= $6) AND ($7::int IS NULL OR pieces < $7)
        ORDER BY rank DESC, id LIMIT $8 OFFSET $9`,
      [
        ...[text, type, viewer, theme ?? null, author ?? null, from, below, limit, offset],
        ...documents.values,
      ],
    )
    return rows
  }

  async facets({
    text,
    type,
    viewer,
  }: Omit<Query, keyof Filters | 'limit' | 'offset'>): Promise<Facets> {
    const documents = documentsWith(this.#recent, 6)
    const { rows } = await this.#db.query<FacetCount & { facet: keyof Facets }>(
      `WITH found AS MATERIALIZED (
         SELECT type, theme, author, pieces
           FROM ${documents.sql}, websearch_to_tsquery('english', $1) AS words
          WHERE vector @@ words AND visible AND ${mayBeSeenBy('$3')}
       ), counted AS (
         SELECT 'type' AS facet, type AS value, count(*)::int AS count FROM found GROUP BY type
         UNION ALL
         SELECT 'theme', theme, count(*)::int FROM found
          WHERE type = $2 AND theme IS NOT NULL GROUP BY theme
         UNION ALL
         SELECT 'author', author, count(*)::int FROM found
          WHERE type = $2 AND author IS NOT NULL GROUP BY author
         UNION ALL
         SELECT 'pieces', r.name, count(*)::int
           FROM found JOIN jsonb_to_recordset($4::jsonb) AS r (name text, least int, below int)
             ON pieces >= r.least AND (r.below IS NULL OR pieces < r.below)
          WHERE type = $2 GROUP BY r.name
       )
       SELECT facet, value, count FROM (
         SELECT *, row_number() OVER (PARTITION BY facet ORDER BY count DESC, value COLLATE "C") AS place
           FROM counted) AS placed
        WHERE place <= $5 ORDER BY facet, place`,
      [text, type, viewer, JSON.stringify(RANGES), MOST_VALUES, ...documents.values],
    )
    const of = (facet: keyof Facets) =>
      rows.filter((row) => row.facet === facet).map(({ value, count }) => ({ value, count }))
    return { type: of('type'), theme: of('theme'), author: of('author'), pieces: of('pieces') }
  }

  async suggest({ text, type, viewer, limit }: SuggestQuery): Promise<readonly string[]> {
    const { rows } = await this.#db.query<{ title: string }>(
      'SELECT title FROM search.suggest($1, $2, $3, $4) AS title',
      [text.toLowerCase(), type ?? null, viewer, limit],
    )
    return rows.map(({ title }) => title)
  }

  async health(): Promise<void> {
    await this.#db.query('SELECT 1')
  }
}

/** What is searched: the table, or what it would be had it heard of everything; parameters from `$first` on. */
function documentsWith(
  recent: Recent | null,
  first: number,
): { readonly sql: string; readonly values: readonly unknown[] } {
  if (recent === null) return { sql: 'search.documents', values: [] }
  const { changed, deleted } = recent
  return {
    sql: `(SELECT type, id, owner_id, title, description, theme, author, pieces, vector, visible
             FROM search.documents WHERE type <> 'moc' OR id <> ALL ($${first}::text[])
           UNION ALL
           SELECT 'moc', id, NULL, title, description, theme, author, pieces,
                  search.vector('moc', title, tags, description), true
             FROM jsonb_to_recordset($${first + 1}::jsonb) AS r (id text, title text, description text,
                  tags text[], theme text, author text, pieces integer)) AS documents`,
    values: [[...deleted, ...changed.map(({ id }) => id)], JSON.stringify(changed)],
  }
}

/** A wishlist is its owner's. */
function mayBeSeenBy(parameter: string): string {
  return `(type <> 'wishlist' OR owner_id = ${parameter})`
}

const RANGES = Object.entries(PIECE_RANGES).map(([name, [least, below]]) => ({
  name,
  least,
  below,
}))
