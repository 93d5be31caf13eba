import { BanyanError } from '@banyan/contracts'
import { migrate, type Pool } from '@banyan/postgres'
import pg from 'pg'
import { DeadLetters } from './dead-letters.ts'
import { Inbox, type InboxOptions } from './inbox.ts'
import { Lookout } from './lookout.ts'
import { Outbox } from './outbox.ts'
import { SagaAdmin } from './saga/admin.ts'
import { Sagas } from './saga/sagas.ts'
import { ScheduleAdmin } from './schedule/admin.ts'
import { Jobs } from './schedule/jobs.ts'
import { Waker } from './waker.ts'

const SQL_FOLDER = new URL('../sql', import.meta.url).pathname

export interface DurableOptions {
  /** Schema of its tables; created when it is not there. `durable` by default. */
  readonly schema?: string
  readonly inbox?: InboxOptions
}

/** The durable tables of one service, ready to use. */
export interface Durable {
  readonly pool: Pool
  readonly schema: string
  /** The schema as it stands in SQL, with its dot: `"durable".` */
  readonly prefix: string
  readonly outbox: Outbox
  readonly inbox: Inbox
  readonly deadLetters: DeadLetters
  /** Starts sagas. */
  readonly sagas: Sagas
  readonly sagaAdmin: SagaAdmin
  /** Asks for work at a later time. */
  readonly jobs: Jobs
  readonly scheduleAdmin: ScheduleAdmin
  readonly waker: Waker
  readonly lookout: Lookout
  /** Ends what listens; the pool stays the caller's. */
  close(): Promise<void>
}

/**
 * Applies the migrations that are missing, under a lock, and opens the tables.
 *
 * @throws BAD_SCHEMA_NAME, or what the database answers.
 */
export async function openDurable(pool: Pool, options: DurableOptions = {}): Promise<Durable> {
  const schema = options.schema ?? 'durable'
  // PostgreSQL cuts longer names off without a word; two services would share their tables.
  if (!/^[a-z_][a-z0-9_]{0,47}$/.test(schema)) {
    throw new BanyanError('BAD_SCHEMA_NAME', { given: schema })
  }
  await migrate(pool, schema, SQL_FOLDER)
  const tables = { pool, schema, prefix: `${pg.escapeIdentifier(schema)}.` }
  const waker = new Waker(tables)
  return {
    ...tables,
    waker,
    lookout: new Lookout(tables),
    outbox: new Outbox(tables),
    inbox: new Inbox(tables, options.inbox),
    deadLetters: new DeadLetters(tables),
    sagas: new Sagas(tables),
    sagaAdmin: new SagaAdmin(tables),
    jobs: new Jobs(tables),
    scheduleAdmin: new ScheduleAdmin(tables),
    close: () => waker.close(),
  }
}
