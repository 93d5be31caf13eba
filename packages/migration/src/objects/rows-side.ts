import type { Description, ListedObject, ObjectSide, ReadObject } from '@banyan/objects'
import type { Pool } from '@banyan/postgres'
import type { ObjectRows } from './objects-plan.ts'

/** Rows read at a time. */
const PAGE = 1_000

/**
 * What should exist, by the rows of the application; where the content is, another side knows. So a file
 * that a row names and nobody has is told, and one that no row names is nobody's.
 */
export class RowsSide implements ObjectSide {
  readonly name: string
  readonly #pool: Pool
  readonly #content: ObjectSide
  readonly #rows: ObjectRows

  constructor(pool: Pool, rows: ObjectRows, content: ObjectSide) {
    this.#pool = pool
    this.#rows = rows
    this.#content = content
    this.name = `${rows.table} (${content.name})`
  }

  /** Read through a cursor, so that they are sorted once; it is closed when the reader leaves. */
  async *list(after: string): AsyncGenerator<ListedObject> {
    const { table, key, owner, version, size, contentType, where } = this.#rows
    const client = await this.#pool.connect()
    let broken: Error | undefined
    try {
      await client.query('BEGIN READ ONLY')
      await client.query(
        `DECLARE objects NO SCROLL CURSOR FOR
         SELECT (${key})::text COLLATE "C" AS key, ${owner ? `(${owner})::text` : 'NULL'} AS owner,
                ${version ? `coalesce((${version})::text, '')` : "''"} AS version,
                ${size ? `coalesce((${size})::bigint, 0)` : '0'} AS size,
                ${contentType ? `(${contentType})::text` : 'NULL'} AS "contentType"
           FROM ${table}
          WHERE (${key})::text COLLATE "C" > $1 AND (${where ?? 'true'}) ORDER BY 1`,
        [after],
      )
      for (;;) {
        const { rows } = await client.query<ListedRow>(`FETCH ${PAGE} FROM objects`)
        for (const { contentType: given, ...row } of rows) {
          yield { ...row, size: Number(row.size), ...(given ? { contentType: given } : {}) }
        }
        if (rows.length < PAGE) return
      }
    } catch (error) {
      broken = error as Error
      throw error
    } finally {
      await client.query('ROLLBACK').catch((error: Error) => {
        broken ??= error
      })
      client.release(broken)
    }
  }

  async read(key: string): Promise<ReadObject | null> {
    const found = await this.#content.read(key)
    return found && { ...found, version: null }
  }

  write(key: string, content: AsyncIterable<Uint8Array>, more: Description): Promise<void> {
    return this.#content.write(key, content, more)
  }

  delete(key: string): Promise<void> {
    return this.#content.delete(key)
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.end(), this.#content.close()])
  }
}

interface ListedRow {
  readonly key: string
  readonly owner: string | null
  readonly version: string
  readonly size: string
  readonly contentType: string | null
}
