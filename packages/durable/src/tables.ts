import type { Pool } from '@banyan/postgres'

/** Where the durable tables stand; every part of this package is given it. */
export interface Tables {
  readonly pool: Pool
  readonly schema: string
  /** The schema as it stands in SQL, with its dot: `"durable".` */
  readonly prefix: string
}

/** The schemas of a database that have durable tables, by name. Their names need no escape in SQL but quotes. */
export async function durableSchemas(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT n.nspname AS name FROM pg_namespace n
     WHERE n.nspname ~ '^[a-z_][a-z0-9_]{0,47}$' AND 4 = (
       SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid
         AND c.relname IN ('dead_letter', 'inbox_waiting', 'outbox', 'saga'))
     ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}
