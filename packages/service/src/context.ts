import type { KeyedEvent, NewEvent, PublishOptions } from '@banyan/bus'
import { CORRELATION_HEADER, writeTraceparent } from '@banyan/contracts'
import type { Durable, JobDefinition, JobKey, SagaDefinition, Started } from '@banyan/durable'
import type { Pool, PoolClient } from '@banyan/postgres'
import type { Caches } from './cache/caches.ts'
import type { Database, DatabaseHandle, Tables } from './database.ts'
import type { ClientsOf, Dependencies, NoDependencies } from './dependencies.ts'
import type { ServiceEvents } from './events.ts'
import type { Answering, Asking } from './idempotency.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { currentScope, currentTrace } from './scope.ts'
import type { Settings } from './settings.ts'
import { SharedAnswers } from './shared-answers.ts'

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
  /** The same of several, in one statement: `publishAll([{ event: NoteWritten.of({ … }), key: noteId }, …])`. */
  publishAll(events: readonly KeyedEvent[]): Promise<void>
  /** Starts a saga when the transaction commits; with a `key`, only the first time. @throws BAD_SAGA_INPUT */
  startSaga<Input>(
    saga: SagaDefinition<Input>,
    input: Input,
    options?: { readonly key?: string },
  ): Promise<Started>
  /** Runs a job at `when`, or as soon after as there is a process, if the transaction commits. */
  later<P>(
    job: JobDefinition<P>,
    when: Date,
    payload: P,
    key?: Omit<JobKey, 'headers'>,
  ): Promise<void>
}

type Work<T extends Tables, R> = (tx: Transaction<T>) => Promise<R>

/** What a service's routes, reactions and schedules work with. */
export interface ServiceContext<
  Config = object,
  T extends Tables = Tables,
  D extends Dependencies = NoDependencies,
> {
  readonly name: string
  readonly config: Settings & Config
  /** Lines carry the correlation id of what is being worked on. */
  readonly log: Log
  readonly metrics: Metrics
  /** Of the services it calls: `clients.orders.getOrder({ params: { id } })`. */
  readonly clients: ClientsOf<D>
  /**
   * Opens its caches: `cache.open({ name, schema, ttlMs })`, and of rows, with the `channel` that says which changed,
   * `cache.openHeard`. @throws Error when it did not ask for one
   */
  readonly cache: Pick<Caches, 'open' | 'openHeard'>
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
  /**
   * The same where the answer is made of more than the work: what it resolves to is kept, as JSON, and
   * resolved to again when the request is sent again with its Idempotency-Key.
   */
  doOnce<R>(request: Asking, work: Work<T, R>): Promise<R>
  /**
   * Answers a request that only reads with what `read` resolves to, which must not depend on who asks: requests of one URL
   * that come while it is being read wait, and share the next reading. So each sees what was committed before
   * it asked, as always, and many that ask at once cost as much as two.
   *
   * @returns as `answerOnce`
   */
  answerTogether<R>(
    request: Pick<Asking, 'url'>,
    reply: Answering,
    read: () => Promise<R>,
  ): Promise<R>
}

/** What a service has beside its process; null is what its definition does not ask for. */
export interface Resources<T extends Tables> {
  readonly database: DatabaseHandle<T> | null
  readonly caches: Caches | null
  readonly durable: Durable | null
  readonly events: ServiceEvents<T> | null
}

export function createContext<Config, T extends Tables, D extends Dependencies>(
  parts: Pick<ServiceContext<Config, T, D>, 'name' | 'config' | 'log' | 'metrics' | 'clients'>,
  resources: Resources<T>,
): ServiceContext<Config, T, D> {
  const own = () => having(resources.database, parts.name, 'database')
  const over = transactionsOf(parts.name, resources)
  const shared = new SharedAnswers()
  const transaction = <R>(work: Work<T, R>) =>
    own().transaction((_db, client) => work(over(client)))
  return {
    ...parts,
    get cache() {
      return having(resources.caches, parts.name, 'cache')
    },
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
    doOnce: (request, work) => {
      const { keys } = own()
      return transaction((tx) => keys.result(tx.client, request, () => work(tx)))
    },
    answerTogether: <R>(request: Pick<Asking, 'url'>, reply: Answering, read: () => Promise<R>) =>
      shared.answer(request, reply, read) as Promise<R>,
  }
}

/** The kit's view of a transaction that somebody began on a connection. */
export function transactionsOf<T extends Tables>(
  service: string,
  { database, durable, events }: Omit<Resources<T>, 'caches'>,
): (client: PoolClient) => Transaction<T> {
  return (client) => ({
    db: having(database, service, 'database').over(client),
    client,
    publish: (event, options) => having(events, service, 'events').publish(client, event, options),
    publishAll: (all) => having(events, service, 'events').publishAll(client, all),
    startSaga: (saga, input, options) =>
      having(durable, service, 'sagas').sagas.start(client, saga, input, {
        ...options,
        headers: headersOfScope(),
      }),
    later: (job, when, payload, key) =>
      having(durable, service, 'jobs').jobs.at(client, job, when, payload, {
        ...key,
        headers: headersOfScope(),
      }),
  })
}

/** What a saga's steps, and a job, are told of the request that asked for them. */
function headersOfScope(): Record<string, string> {
  const scope = currentScope()
  const trace = currentTrace()
  return {
    ...(scope ? { [CORRELATION_HEADER]: scope.correlationId } : {}),
    ...(trace ? { traceparent: writeTraceparent(trace) } : {}),
  }
}

function having<R>(resource: R | null, service: string, member: string): R {
  if (resource !== null) return resource
  throw new Error(`${service} has no ${member}: add "${member}" to its definition`)
}
