import { fileURLToPath } from 'node:url'
import { createPool, migrate, type Pool } from '@banyan/postgres'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { sqlState } from './failures.ts'
import * as schema from './schema.ts'
import { NAME } from './service.ts'

export type Database = NodePgDatabase<typeof schema>
/** What runs inside `write`. */
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]

export interface Connection {
  readonly pool: Pool
  readonly db: Database
}

/** Opens the service's own database and applies the migrations that are missing. */
export async function connect(url: string): Promise<Connection> {
  const pool = createPool(url, { name: NAME, max: 20, statementTimeoutMs: 15_000 })
  await migrate(pool, NAME, fileURLToPath(new URL('migrations', import.meta.url)))
  return { pool, db: drizzle(pool, { schema }) }
}

/**
 * Runs one transaction that changes data. One that began before its rows were handed over to this
 * database meets 40001 (docs/handover.md, "Guard"); the second try begins after.
 */
export async function write<T>(db: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  try {
    return await db.transaction(work)
  } catch (error) {
    if (sqlState(error) !== '40001') throw error
    return db.transaction(work)
  }
}
