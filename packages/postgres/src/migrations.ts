import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Pool, Queryable } from './pool.ts'
import { transaction } from './transaction.ts'

/**
 * Applies the numbered `*.sql` files of a folder that were not applied yet, in the order of their
 * names, all in one transaction and under an advisory lock, so that several processes may start at once.
 * A schema that stands already needs no right to create one in the database.
 *
 * @returns the names of the files applied now.
 */
export async function migrate(pool: Pool, schema: string, folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  const name = pg.escapeIdentifier(schema)
  return transaction(pool, async (client) => {
    await lockSchema(client, schema)
    await createSchema(client, schema)
    // So that a file can leave the schema's name out, where the name is the caller's to choose.
    await client.query(`SET LOCAL search_path TO ${name}`)
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${name}.migrations (file text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
    )
    const { rows } = await client.query<{ file: string }>(`SELECT file FROM ${name}.migrations`)
    const done = new Set(rows.map((row) => row.file))
    const missing = files.filter((file) => !done.has(file))
    for (const file of missing) {
      await client.query(await readFile(join(folder, file), 'utf8'))
      await client.query(`INSERT INTO ${name}.migrations (file) VALUES ($1)`, [file])
    }
    return missing
  })
}

/** `CREATE SCHEMA IF NOT EXISTS` asks for the right to create one even where it is there. */
async function createSchema(client: Queryable, schema: string): Promise<void> {
  const { rowCount } = await client.query(
    'SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1',
    [schema],
  )
  if (rowCount === 0) await client.query(`CREATE SCHEMA ${pg.escapeIdentifier(schema)}`)
}

/** Until the transaction ends, nobody else migrates the schema, or drops it after taking the same lock. */
export async function lockSchema(client: Queryable, schema: string): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`migrate ${schema}`])
  // An advisory lock lets a session go on believing its caches; reading a catalogue does not.
  await client.query('SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1', [schema])
}
