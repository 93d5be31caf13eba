import pg from 'pg'
import { type CredentialsSource, RenewedPool, withoutCredentials } from './credentials.ts'
import { StatementNames } from './named-statements.ts'
import { clientPreparing } from './prepared-client.ts'

export type Pool = pg.Pool
export type PoolClient = pg.PoolClient
/** Whatever can run one statement: a pool, or a client inside a transaction. */
export type Queryable = Pick<pg.Pool, 'query'>

export interface PoolOptions {
  /** Shown in pg_stat_activity. */
  readonly name: string
  /** Connections at most; 5 by default. */
  readonly max?: number
  /** A connection that nobody has used for so long, ms, is closed; 10,000 by default. */
  readonly idleMs?: number
  /** A statement that takes longer, ms, is cancelled by the server; none by default. */
  readonly statementTimeoutMs?: number
  /** A statement not answered within this time, ms, fails and takes its connection with it; waits for ever by default. */
  readonly answerTimeoutMs?: number
  /** A session that leaves its transaction open and says nothing for longer, ms, is ended; never by default. */
  readonly idleInTransactionMs?: number
  /** A connection is replaced after this time, s, so that changed credentials and routes are taken up; never by default. */
  readonly maxLifetimeS?: number
  /**
   * Whether statements that come again and again are prepared, by names of ours; not by default. Not for a
   * pooler between that hands a connection to another client after each transaction, and knows of no names.
   */
  readonly prepared?: boolean
  /** Who connects, in place of what the URL says; see `CredentialsSource`. */
  readonly credentials?: CredentialsSource
}

/**
 * Pins how values look as text and are read from it: the server's, the database's and the role's own
 * settings must not show in what is copied or compared.
 */
export const PINNED_SETTINGS = Object.entries({
  DateStyle: 'ISO,MDY',
  IntervalStyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  TimeZone: 'UTC',
  search_path: 'pg_catalog',
  // Or every NULL in an array becomes a text of four letters.
  array_nulls: 'on',
  // Or a fragment of XML is refused where it is written.
  xmloption: 'content',
  // Or an amount of money is printed with one country's comma and read with another's.
  lc_monetary: 'C',
  // Or the names of types, which we compare, come in quotes.
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  // Meant for the application's statements; a chunk or a large transaction of ours would never get past them.
  statement_timeout: '0',
  lock_timeout: '0',
})
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ')

/** A pool whose idle connections may die (a server restart) without ending the process. */
export function createPool(url: string, options: PoolOptions): Pool {
  const { credentials, maxLifetimeS } = options
  const config: pg.PoolConfig = {
    ...(credentials ? withoutCredentials(url) : { connectionString: url }),
    ...(maxLifetimeS === undefined ? {} : { maxLifetimeSeconds: maxLifetimeS }),
    application_name: options.name,
    max: options.max ?? 5,
    ...(options.prepared ? { Client: clientPreparing(new StatementNames()) } : {}),
    idleTimeoutMillis: options.idleMs ?? 10_000,
    connectionTimeoutMillis: 5_000,
    options: PINNED_SETTINGS,
    ...(options.statementTimeoutMs === undefined
      ? {}
      : { statement_timeout: options.statementTimeoutMs }),
    ...(options.answerTimeoutMs === undefined ? {} : { query_timeout: options.answerTimeoutMs }),
    ...(options.idleInTransactionMs === undefined
      ? {}
      : { idle_in_transaction_session_timeout: options.idleInTransactionMs }),
  }
  const pool = credentials ? new RenewedPool(config, credentials) : new pg.Pool(config)
  pool.on('error', () => {})
  // The pool listens to idle clients only: one that dies between two statements of a transaction would
  // end the process. Its next statement fails, and that is where it is dealt with.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}
