import { fileURLToPath } from 'node:url'
import { createPool, migrate, type Pool } from '@banyan/postgres'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import * as schema from './schema.ts'
import { NAME } from './service.ts'

export type Database = NodePgDatabase<typeof schema>

/** Opens the service's own database and applies the migrations that are missing. */
export async function connect(url: string): Promise<{ pool: Pool; db: Database }> {
  const pool = createPool(url, { name: NAME, max: 20, statementTimeoutMs: 15_000 })
  await migrate(pool, NAME, fileURLToPath(new URL('migrations', import.meta.url)))
  return { pool, db: drizzle(pool, { schema }) }
}
