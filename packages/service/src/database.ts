import { fileURLToPath } from 'node:url'
import {
  createPool,
  migrate,
  type Pool,
  type PoolClient,
  planIsOutdated,
  sqlState,
  transaction,
} from '@banyan/postgres'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { credentialsFrom } from './credentials/credentials-from.ts'
import { IdempotencyKeys } from './idempotency.ts'
import type { Settings } from './settings.ts'

/** Drizzle tables and relations, as `import * as tables from './schema.ts'` gives them. */
export type Tables = Record<string, unknown>

/** What reads and writes; transactions are the context's alone, since they carry more than rows. */
export type Database<T extends Tables> = Omit<NodePgDatabase<T>, 'transaction' | '$client'>

export interface DatabaseDefinition<T extends Tables> {
  readonly tables: T
  /** Folder of numbered `*.sql` files, e.g. `new URL('migrations', import.meta.url)`. */
  readonly migrations: URL
  /** The PostgreSQL schema that is the service's own; its name, with `_` for `-`, when left out. */
  readonly schema?: string
}

/** The tables of the kit itself, which stand in the service's schema. */
const KIT_MIGRATIONS = fileURLToPath(new URL('../sql', import.meta.url))

/** Connections a service opens at most: a server's hundred must do for all of them. */
const MOST_CONNECTIONS = 20
/**
 * A connection is kept for so long after its last use, ms: users come together every now and then, and each one that is new
 * costs the server a process that knows no table and no plan.
 */
const KEPT_IDLE_MS = 60_000
/** No request waits longer for one statement, ms. */
const STATEMENT_TIMEOUT_MS = 15_000

/** A service's connections to its own database. */
export class DatabaseHandle<T extends Tables> {
  readonly pool: Pool
  readonly db: Database<T>
  readonly schema: string
  readonly keys: IdempotencyKeys
  readonly #tables: T
  readonly #migrations: URL
  /** Drizzle reads the tables' relations anew for each client it is made over. */
  readonly #overClients = new WeakMap<PoolClient, Database<T>>()

  constructor(
    name: string,
    settings: Pick<
      Settings,
      'DATABASE_URL' | 'DATABASE_CREDENTIALS' | 'DATABASE_PREPARED_STATEMENTS'
    >,
    definition: DatabaseDefinition<T>,
  ) {
    const { DATABASE_URL, DATABASE_CREDENTIALS, DATABASE_PREPARED_STATEMENTS } = settings
    this.pool = createPool(DATABASE_URL!, {
      name,
      prepared: DATABASE_PREPARED_STATEMENTS !== 'off',
      max: MOST_CONNECTIONS,
      idleMs: KEPT_IDLE_MS,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      ...(DATABASE_CREDENTIALS === undefined
        ? {}
        : { credentials: credentialsFrom(DATABASE_CREDENTIALS), maxLifetimeS: 600 }),
    })
    this.schema = definition.schema ?? name.replaceAll('-', '_')
    this.keys = new IdempotencyKeys(this.schema)
    this.#tables = definition.tables
    this.#migrations = definition.migrations
    this.db = drizzle(this.pool, { schema: definition.tables })
  }

  /** Applies the migrations that are missing, under a lock. */
  async migrate(): Promise<void> {
    await migrate(this.pool, this.schema, KIT_MIGRATIONS)
    await migrate(this.pool, this.schema, fileURLToPath(this.#migrations))
  }

  /**
   * Runs one transaction. One that began before its rows were handed over to this database meets
   * 40001 (docs/handover.md, "Guard"); the second try begins after. So does one whose statements were
   * prepared before a migration changed what they answer.
   */
  async transaction<R>(work: (db: Database<T>, client: PoolClient) => Promise<R>): Promise<R> {
    const once = () => transaction(this.pool, (client) => work(this.over(client), client))
    try {
      return await once()
    } catch (error) {
      if (sqlState(error) !== '40001' && !planIsOutdated(error)) throw error
      return once()
    }
  }

  /** Drizzle over a connection that somebody else began a transaction on. */
  over(client: PoolClient): Database<T> {
    let db = this.#overClients.get(client)
    if (!db) {
      db = drizzle(client, { schema: this.#tables })
      this.#overClients.set(client, db)
    }
    return db
  }

  async check(): Promise<void> {
    await this.pool.query('SELECT 1')
  }

  async close(): Promise<void> {
    await this.pool.end()
  }
}
