import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import * as schema from './schema.ts'

export type Database = NodePgDatabase<typeof schema>
/** What runs inside `db.transaction`. */
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]

export interface Connection {
  readonly pool: pg.Pool
  readonly db: Database
}

/** Opens the pool of the application. It outlives restarts of the database server. */
export function connect(url: string): Connection {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'lego-projects-api',
    max: 20,
    // Longer than any burst needs, short enough to answer 503 while the client still listens.
    connectionTimeoutMillis: 3_000,
    statement_timeout: 15_000,
    keepAlive: true,
  })
  // An idle connection that dies (server restart) is dropped by the pool; unheard, it ends the process.
  pool.on('error', () => {})
  // The same for one that dies while a transaction holds it, between two statements.
  pool.on('connect', (client) => client.on('error', () => {}))
  return { pool, db: drizzle(pool, { schema }) }
}
