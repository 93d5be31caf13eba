import type { DeadLetters, SagaAdmin } from '@banyan/durable'
import type { Pool } from '@banyan/postgres'
import { type Command, InvalidArgumentError } from 'commander'
import { databaseUrlOf } from './database-url.ts'
import { badCommand, CommandError } from './failure.ts'
import { nearest } from './nearest.ts'
import type { Session } from './settings.ts'

/** Where a service keeps its durable work. */
export interface StoreOptions {
  readonly database?: string
  readonly schema?: string
}

/** What an operator sees of it. */
export interface DurableStore {
  readonly schema: string
  readonly deadLetters: DeadLetters
  readonly sagas: SagaAdmin
}

/** A statement that takes longer, ms, is given up: it would stand in the way of the service. */
const STATEMENT_TIMEOUT_MS = 15_000

export function withStoreOptions(command: Command): Command {
  return command
    .option('--database <url>', 'database of the service; DATABASE_URL by default')
    .option('--schema <name>', 'schema of its durable tables, where there are several')
}

/** For lists: `--limit`, `--after`. */
export function withPageOptions(command: Command, after: RegExp): Command {
  return command
    .option('--limit <rows>', 'at most so many, 1 to 1000', wholeNumber, 50)
    .option('--after <id>', 'go on after this one, the last of the page before', (given) => {
      if (after.test(given)) return given
      throw new InvalidArgumentError('It is an id as the list prints it.')
    })
}

/**
 * Opens the durable tables as they are, for `work`: unlike a service that starts, it creates and migrates
 * nothing.
 *
 * @throws CommandError for a URL that is none, a database that does not answer, a schema without them.
 */
export async function withStore<T>(
  session: Session,
  options: StoreOptions,
  work: (store: DurableStore) => Promise<T>,
): Promise<T> {
  const url = databaseUrlOf(session, options.database)
  const [{ createPool, sqlState }, { DeadLetters, SagaAdmin }] = await Promise.all([
    import('@banyan/postgres'),
    import('@banyan/durable'),
  ])
  const pool = createPool(url.href, {
    name: 'banyan command',
    max: 1,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })
  try {
    const schema = await schemaOf(pool, options.schema).catch((error: Error) => {
      if (error instanceof CommandError) throw error
      // Refused by the server by name (a password, a database), or not reached at all.
      const reason = error.message || sqlState(error) || 'no answer'
      throw new CommandError(
        'UNAVAILABLE',
        { reason: `${url.host}${url.pathname}: ${reason}.` },
        'Start that database, or correct --database or DATABASE_URL.',
      )
    })
    const tables = { pool, schema, prefix: `"${schema}".` }
    return await work({
      schema,
      deadLetters: new DeadLetters(tables),
      sagas: new SagaAdmin(tables),
    })
  } finally {
    await pool.end()
  }
}

async function schemaOf(pool: Pool, given: string | undefined): Promise<string> {
  const { durableSchemas } = await import('@banyan/durable')
  const known = await durableSchemas(pool)
  if (known.length === 0) {
    throw badCommand(
      'no schema of this database has durable tables',
      'Give the database of the service; its tables are there once it has started.',
    )
  }
  const names = known.join(', ')
  if (given === undefined) {
    if (known.length === 1) return known[0]!
    throw badCommand(`--schema must say which: ${names}`, `For example: --schema ${known[0]}.`)
  }
  if (known.includes(given)) return given
  const close = nearest(given, known)
  throw badCommand(
    `schema "${given}" has no durable tables; those that have: ${names}`,
    close ? `Did you mean --schema ${close}?` : 'Give one of them.',
  )
}

function wholeNumber(given: string): number {
  const value = Number(given)
  if (/^\d+$/.test(given) && value >= 1 && value <= 1000) return value
  throw new InvalidArgumentError('Allowed is a whole number from 1 to 1000.')
}
