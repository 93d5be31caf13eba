import { readdir, readFile } from 'node:fs/promises'
import type pg from 'pg'

const FOLDER = new URL('../migrations/', import.meta.url)
/** Any number, the same in every instance: only one of them migrates at a time. */
const LOCK = 7_220_002

/** Applies the SQL files that were not applied yet, all or none. */
export async function migrate(pool: pg.Pool): Promise<void> {
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort()
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    await client.query(
      `CREATE TABLE IF NOT EXISTS schema_migrations
         (file text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
    )
    const { rows } = await client.query<{ file: string }>('SELECT file FROM schema_migrations')
    const done = new Set(rows.map((row) => row.file))
    for (const file of files.filter((name) => !done.has(name))) {
      await client.query(await readFile(new URL(file, FOLDER), 'utf8'))
      await client.query('INSERT INTO schema_migrations (file) VALUES ($1)', [file])
    }
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}
