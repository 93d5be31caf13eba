import type { NewEvent, PublishOptions } from '@banyan/bus'
import type { Pool, PoolClient } from '@banyan/postgres'
import type { Database, DatabaseHandle, Tables } from './database.ts'
import type { ServiceEvents } from './events.ts'
import type { Answering, Asking } from './idempotency.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Settings } from './settings.ts'

/** What one transaction gives to work with; all of it commits together, or nothing does. */
export interface Transaction<T extends Tables> {
  readonly db: Database<T>
  /** The same connection, for plain SQL. */
  readonly client: PoolClient
  /**
   * Says that something happened: `publish(NoteWritten.of({ … }), { key: noteId })`. The event leaves
   * when the transaction commits, or never; events of one key are heard in order.
   *
   * @throws BanyanError BAD_EVENT when it does not fit, or is not among the service's `events`
   */
  publish(event: NewEvent, options: PublishOptions): Promise<void>
}

type Work<T extends Tables, R> = (tx: Transaction<T>) => Promise<R>

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
  transaction<R>(work: Work<T, R>): Promise<R>
  /** Publishes in a transaction of its own; where rows change too, use the transaction's. */
  publish(event: NewEvent, options: PublishOptions): Promise<void>
  /**
   * Runs `work` in one transaction and answers with what it resolves to. A client that sends an
   * Idempotency-Key may send the request as often as it likes: the work is done once, and its answer,
   * kept in the same transaction, is given again, byte for byte, for 24 hours. A `work` that throws
   * leaves nothing behind, and the next request tries anew.
   *
   * @param status of the answer, e.g. 201
   * @returns what the handler returns, typed as the answer: so its route's schema is held against it
   */
  answerOnce<R>(request: Asking, reply: Answering, status: number, work: Work<T, R>): Promise<R>
}

export function createContext<Config, T extends Tables>(
  parts: Pick<ServiceContext<Config, T>, 'name' | 'config' | 'log' | 'metrics'>,
  database: DatabaseHandle<T> | null,
  events: ServiceEvents<T> | null,
): ServiceContext<Config, T> {
  const own = () => {
    if (database) return database
    throw new Error(`${parts.name} has no database: add "database" to its definition`)
  }
  const speaking = () => {
    if (events) return events
    throw new Error(`${parts.name} says nothing: add "events" to its definition`)
  }
  const transaction = <R>(work: Work<T, R>) =>
    own().transaction((db, client) =>
      work({
        db,
        client,
        publish: (event, options) => speaking().publish(client, event, options),
      }),
    )
  return {
    ...parts,
    get db() {
      return own().db
    },
    get pool() {
      return own().pool
    },
    transaction,
    publish: (event, options) => transaction((tx) => tx.publish(event, options)),
    async answerOnce<R>(request: Asking, reply: Answering, status: number, work: Work<T, R>) {
      const { keys } = own()
      const send = await transaction((tx) => {
        reply.status(status)
        return keys.once(tx.client, request, reply, () => work(tx))
      })
      // A reply that was sent is all that Fastify wants of a handler.
      return send() as R
    },
  }
}
