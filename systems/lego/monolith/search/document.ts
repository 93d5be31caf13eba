import { type SQL, sql } from 'drizzle-orm'

/** What full text search finds a row by; kept up to date by every write of that row. */
export function searchDocument(fields: {
  title: string
  description: string | null
  tags: readonly string[]
}): SQL {
  return sql`setweight(to_tsvector('english', ${fields.title}::text), 'A')
    || setweight(to_tsvector('english', ${fields.tags.join(' ')}::text), 'B')
    || setweight(to_tsvector('english', ${fields.description ?? ''}::text), 'C')`
}
