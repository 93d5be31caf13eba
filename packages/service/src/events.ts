import { randomUUID } from 'node:crypto'
import {
  type AnyOf,
  Bus,
  type BusStatus,
  type ConsumerStatus,
  type EventDefinition,
  type KeyedEvent,
  type NewEvent,
  type PublishOptions,
  type ReceivedEvent,
  type Transport,
} from '@banyan/bus'
import { readTraceparent, writeTraceparent } from '@banyan/contracts'
import type { Durable } from '@banyan/durable'
import type { PoolClient } from '@banyan/postgres'
import { SpanKind } from '@opentelemetry/api'
import { Counter, Histogram } from 'prom-client'
import type { Transaction } from './context.ts'
import type { Tables } from './database.ts'
import { rootCause } from './failures.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { currentScope, currentTrace, newScope } from './scope.ts'
import type { Tracing } from './tracing/tracing.ts'

interface Heard<Ds extends readonly EventDefinition[]> {
  /** Unique in the service, and kept over deploys: it says what has been heard already. */
  readonly name: string
  readonly events: Ds
  /** Transactions at once in this process; 4 by default. */
  readonly concurrency?: number
  /**
   * From the begin of one transaction to the next, ms, so that more events come into each; 0 by default. An event after
   * a longer pause waits for nothing.
   */
  readonly gatherMs?: number
}

interface Reacts<T extends Tables, Ds extends readonly EventDefinition[]> {
  /**
   * Called in the order of each key. What it writes through `tx`, and what it publishes there, commits
   * with the record that the event was heard: once. What it throws undoes all that; it is called again
   * after pauses, and in the end the event is a dead letter.
   */
  readonly handler: (event: AnyOf<Ds>, tx: Transaction<T>) => Promise<void>
  readonly batchHandler?: undefined
}

interface ReactsToBatches<T extends Tables, Ds extends readonly EventDefinition[]> {
  readonly handler?: undefined
  /**
   * Gets all events of a transaction at once, those of a key in their order: for what costs less for many than
   * for each. When it throws, each of them is heard again alone. What it publishes has no event as its cause.
   */
  readonly batchHandler: (events: readonly AnyOf<Ds>[], tx: Transaction<T>) => Promise<void>
}

export type Reaction<T extends Tables, Ds extends readonly EventDefinition[]> = Heard<Ds> &
  (Reacts<T, Ds> | ReactsToBatches<T, Ds>)

/** Says what the service hears, and what it does then. */
export type Hear<T extends Tables> = <const Ds extends readonly EventDefinition[]>(
  reaction: Reaction<T, Ds>,
) => void

export interface ServiceEventsOptions<T extends Tables> {
  readonly service: string
  /** The kit's view of a transaction that somebody began. */
  readonly transactionOver: (client: PoolClient) => Transaction<T>
  readonly durable: Durable
  readonly transport: Transport
  readonly publishes: readonly EventDefinition[]
  /** For how long events gather before they leave, ms. */
  readonly gatherMs: number
  readonly log: Log
  readonly metrics: Metrics
  readonly tracing: Tracing
}

/** What stands in the tables is counted at most this often, ms, however often somebody looks. */
const STATUS_KEPT_MS = 2_000
/** From an event to the end of its handling, s: from what is at once to what waited for a repair. */
const LAG_BOUNDS_S = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 3_600]

/** What a service says and hears: the bus, with the kit's transactions, logs, traces and figures. */
export class ServiceEvents<T extends Tables> {
  readonly #options: ServiceEventsOptions<T>
  readonly #bus: Bus
  readonly #lag: Histogram<'reaction' | 'type'>
  readonly #failures: Counter<'reaction' | 'type'>
  #status: { readonly of: Promise<BusStatus>; readonly at: number } | null = null

  constructor(options: ServiceEventsOptions<T>) {
    const { service, durable, transport, publishes, gatherMs, log, metrics } = options
    this.#options = options
    this.#bus = new Bus({
      source: service,
      durable,
      transport,
      publishes,
      gatherMs,
      current: () => {
        const trace = currentTrace()
        const correlationId = currentScope()?.correlationId
        return {
          ...(correlationId ? { correlationId } : {}),
          ...(trace ? { traceparent: writeTraceparent(trace) } : {}),
        }
      },
      around: ({ consumer, events }, run) => this.#around(consumer, events, run),
      onProblem: (error) => log.warn({ reason: rootCause(error).message }, 'the bus tries again'),
    })
    this.#lag = new Histogram({
      name: 'event_lag_seconds',
      help: 'From what happened to the end of the reaction to it',
      labelNames: ['reaction', 'type'],
      buckets: LAG_BOUNDS_S,
      registers: [metrics.registry],
    })
    this.#failures = new Counter({
      name: 'reaction_failures_total',
      help: 'Attempts at a reaction that failed, of which most are made again',
      labelNames: ['reaction', 'type'],
      registers: [metrics.registry],
    })
    this.#count()
  }

  readonly hear: Hear<T> = ({ name, events, handler, batchHandler, concurrency, gatherMs = 0 }) => {
    const { service, transactionOver } = this.#options
    const subscriber = {
      consumer: `${service}.${name}`,
      events,
      gatherMs,
      ...(concurrency === undefined ? {} : { concurrency }),
    }
    this.#bus.subscribe(
      batchHandler
        ? { ...subscriber, batchHandler: (all, { tx }) => batchHandler(all, transactionOver(tx)) }
        : { ...subscriber, handler: (event, { tx }) => handler(event, transactionOver(tx)) },
    )
    // A first failure is a step up from 0; without this it would be no change of anything.
    for (const { type } of events) {
      this.#failures.inc({ reaction: `${service}.${name}`, type }, 0)
    }
  }

  publish(client: PoolClient, event: NewEvent, options: PublishOptions): Promise<void> {
    return this.#bus.publish(client, event, options)
  }

  publishAll(client: PoolClient, events: readonly KeyedEvent[]): Promise<void> {
    return this.#bus.publishAll(client, events)
  }

  /** Begins to send and to hear; a bus that is away is tried until it is there. */
  start(): void {
    const { log } = this.#options
    this.#bus.start().catch((error: unknown) => {
      log.error({ reason: rootCause(error).message }, 'the bus does not start')
    })
  }

  check(): Promise<void> {
    return this.#bus.check()
  }

  /** Lets what runs finish; what is left waits in tables. */
  async stop(): Promise<void> {
    await this.#bus.stop()
  }

  /** A reaction belongs to the request, and the trace, that its event comes from; that to a batch is linked to all. */
  async #around(
    consumer: string,
    events: readonly ReceivedEvent[],
    run: () => Promise<void>,
  ): Promise<void> {
    const [first, ...others] = events
    const { type, correlationId, id } = first!
    const alone = others.length === 0
    const remotes = events.map((event) => readTraceparent(event.traceparent))
    const scope = alone ? newScope(correlationId, remotes[0]) : newScope(randomUUID())
    const attributes = {
      'messaging.operation.type': 'process',
      'messaging.destination.name': type,
      'messaging.consumer.group.name': consumer,
      ...(alone
        ? { 'messaging.message.id': id }
        : { 'messaging.batch.message_count': events.length }),
    }
    const links = alone ? [] : remotes.flatMap((context) => (context ? [{ context }] : []))
    try {
      const options = { kind: SpanKind.CONSUMER, attributes, links }
      const { tracing } = this.#options
      await tracing.within(`${consumer} ${alone ? type : 'batch'}`, scope, options, run)
    } catch (error) {
      // Of a batch nobody knows whose fault it was, and each is heard again, alone.
      if (alone) this.#failures.inc({ reaction: consumer, type })
      throw error
    }
    for (const event of events) {
      const seconds = Math.max(0, Date.now() - event.occurredAt.getTime()) / 1000
      this.#lag.observe({ reaction: consumer, type: event.type }, seconds)
    }
  }

  #count(): void {
    const { metrics } = this.#options
    const gauge = (name: string, help: string, read: (status: BusStatus) => number) =>
      metrics.gauge(name, help, async () => [{ value: read(await this.#recentStatus()) }])
    gauge('outbox_messages', 'Published, and not sent yet', ({ outbox }) => outbox.messages)
    gauge('outbox_oldest_seconds', 'Age of the oldest of them', ({ outbox }) => {
      return outbox.oldestMs / 1000
    })
    gauge('outbox_dead_letters', 'Could not be sent, ever', ({ unsent }) => unsent)
    const consumers = (name: string, help: string, read: (one: ConsumerStatus) => number | null) =>
      metrics.gauge(
        name,
        help,
        async () =>
          (await this.#recentStatus()).consumers.flatMap((one) => {
            const value = read(one)
            return value === null ? [] : [{ labels: { reaction: one.consumer }, value }]
          }),
        ['reaction'],
      )
    consumers('bus_backlog_messages', 'Kept by the bus for a reaction', ({ backlog }) => backlog)
    consumers(
      'inbox_waiting_messages',
      'Failed, or waiting behind one that did',
      ({ waiting }) => waiting,
    )
    consumers(
      'inbox_dead_letters',
      'Given up; for somebody to look at',
      ({ deadLetters }) => deadLetters,
    )
    consumers(
      'inbox_oldest_seconds',
      'Since the oldest of those that wait happened',
      ({ oldestMs }) => oldestMs / 1000,
    )
  }

  #recentStatus(): Promise<BusStatus> {
    const now = performance.now()
    if (!this.#status || now - this.#status.at > STATUS_KEPT_MS) {
      this.#status = { of: this.#bus.status(), at: now }
    }
    return this.#status.of
  }
}
