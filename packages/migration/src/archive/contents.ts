import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { PoolClient, Queryable } from '@banyan/postgres'
import { to as copyTo } from 'pg-copy-streams'
import type { ArchivedTable, Digest } from './manifest.ts'

/** Which columns of a table are kept, and in which order its rows stand. */
export type Layout = Pick<ArchivedTable, 'table' | 'columns' | 'order'>

/** Rows and bytes of COPY's text format as they pass, and their hash. */
export class Digester {
  readonly #hash = createHash('sha256')
  #rows = 0
  #bytes = 0

  add(chunk: Buffer): void {
    this.#hash.update(chunk)
    this.#bytes += chunk.length
    // A line feed within a value is written as two other characters.
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) this.#rows++
  }

  /** To be asked once, at the end. */
  get digest(): Digest {
    return { rows: this.#rows, bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }
}

/**
 * What is kept of a table: all but generated columns, by the primary key, or by the whole row where there is none.
 * Texts are ordered byte by byte, so that the order is the same on every server.
 */
export async function layoutOf(db: Queryable, oid: number, table: string): Promise<Layout> {
  const { rows } = await db.query<{ columns: string[]; key: string[] }>(LAYOUT, [oid])
  const { columns, key } = rows[0]!
  return { table, columns, order: key.length > 0 ? key.join(', ') : '"~row"::text COLLATE "C"' }
}

const LAYOUT = `
  SELECT ARRAY(SELECT quote_ident(attname) FROM pg_attribute
                WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum) AS columns,
         ARRAY(SELECT quote_ident(a.attname) || CASE WHEN a.attcollation = 0 THEN '' ELSE ' COLLATE "C"' END
                 FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (attnum, at)
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                WHERE i.indrelid = $1 AND i.indisprimary ORDER BY k.at) AS key`

/** All rows of a table, as COPY writes them. */
export function copyOut(client: PoolClient, { table, columns, order }: Layout): Readable {
  const select = `SELECT ${columns.join(', ')} FROM ONLY ${table} AS "~row" ORDER BY ${order}`
  return client.query(copyTo(`COPY (${select}) TO STDOUT`))
}

/** What a table holds now, in the client's snapshot. */
export async function digestTable(client: PoolClient, layout: Layout): Promise<Digest> {
  const digester = new Digester()
  for await (const chunk of copyOut(client, layout)) digester.add(chunk as Buffer)
  return digester.digest
}
