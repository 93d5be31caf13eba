import type { Pool, PoolClient } from '@banyan/postgres'
import type { Database, DatabaseHandle, Tables } from './database.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Settings } from './settings.ts'

/** What one transaction gives to work with; all of it commits together, or nothing does. */
export interface Transaction<T extends Tables> {
  readonly db: Database<T>
  /** The same connection, for plain SQL. */
  readonly client: PoolClient
}

/** What a service's routes, reactions and schedules work with. */
export interface ServiceContext<Config = object, T extends Tables = Tables> {
  readonly name: string
  readonly config: Settings & Config
  /** Lines carry the correlation id of what is being worked on. */
  readonly log: Log
  readonly metrics: Metrics
  /** @throws Error when the service has no database; as do the next two */
  readonly db: Database<T>
  readonly pool: Pool
  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it throws. It may
   * run twice (40001), so what it does outside of the database must bear that.
   */
  transaction<R>(work: (tx: Transaction<T>) => Promise<R>): Promise<R>
}

export function createContext<Config, T extends Tables>(
  parts: Pick<ServiceContext<Config, T>, 'name' | 'config' | 'log' | 'metrics'>,
  database: DatabaseHandle<T> | null,
): ServiceContext<Config, T> {
  const own = () => {
    if (database) return database
    throw new Error(`${parts.name} has no database: add "database" to its definition`)
  }
  return {
    ...parts,
    get db() {
      return own().db
    },
    get pool() {
      return own().pool
    },
    transaction: (work) => own().transaction((db, client) => work({ db, client })),
  }
}
