import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { BanyanError, type Envelope } from '@banyan/contracts'
import {
  type Durable,
  InboxWorker,
  type InboxWorkerOptions,
  messageId,
  OutboxRelay,
} from '@banyan/durable'
import type { Queryable } from '@banyan/postgres'
import {
  type Around,
  type Consumer,
  type ConsumerDefinition,
  consumerOf,
  type ReceivedEvent,
} from './consumer.ts'
import { checked, type EventDefinition, EventRegistry, type NewEvent } from './events.ts'
import { Gathered } from './gathered.ts'
import { type BusStatus, busStatus } from './status.ts'
import type { Subscription, Transport, WireMessage } from './transport.ts'
import { toInbox, toOutbox, toWire } from './wire.ts'

export interface BusOptions {
  /** Name of the service: the `source` of what it publishes. */
  readonly source: string
  /** The service's own tables; what is published commits with what is written through the same client. */
  readonly durable: Durable
  /** Closed by `stop`. */
  readonly transport: Transport
  /** All that the service publishes. */
  readonly publishes: readonly EventDefinition[]
  /** What is going on now, for what is published outside of a handler: the request, its trace. */
  readonly current?: () => { readonly correlationId?: string; readonly traceparent?: string }
  /** Put around every handler, inside its transaction. */
  readonly around?: Around
  /** For how long small batches of events gather before they leave, ms; 50 by default. See `OutboxRelayOptions`. */
  readonly gatherMs?: number
  /** Told of whatever fails and is tried again. */
  readonly onProblem?: (error: Error) => void
}

export interface PublishOptions {
  /** Events of one key are handled in the order in which they were committed; 1 to 255 characters. */
  readonly key: string
  /** That of the event that is handled, or of `current`, or a new one when left out. */
  readonly correlationId?: string
}

/** An event that is to be published, with what is said of it. */
export interface KeyedEvent extends PublishOptions {
  readonly event: NewEvent
}

/** Messages in one transaction of a consumer at most. */
const BATCH = 64
/** Pause before a subscription that could not be made is tried again, ms. */
const SUBSCRIBE_AGAIN_MS = 500

/** Publishes events with the change they tell of, and hands those of others to handlers, once each. */
export class Bus {
  readonly #options: BusOptions
  readonly #registry: EventRegistry
  readonly #relay: OutboxRelay
  readonly #consumers = new Map<string, Consumer>()
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #handling = new AsyncLocalStorage<ReceivedEvent>()
  readonly #report: (error: Error) => void
  readonly #end = new AbortController()
  #worker: InboxWorker | null = null
  #starting: Promise<void> | null = null

  /** @throws BanyanError BAD_EVENT_DEFINITION when two events have one type. */
  constructor(options: BusOptions) {
    this.#options = options
    this.#registry = new EventRegistry(options.publishes)
    this.#report = options.onProblem ?? (() => {})
    const { durable, transport, gatherMs } = options
    this.#relay = new OutboxRelay({
      durable,
      send: (batch) => transport.publish(batch.map(toWire)),
      ...(gatherMs === undefined ? {} : { gatherMs }),
      onProblem: this.#report,
    })
  }

  /**
   * Writes an event to the outbox, in the caller's transaction; it leaves when that commits, or never.
   *
   * @throws BanyanError BAD_EVENT when it does not fit its definition, is not among `publishes`, or the
   *   key cannot be; nothing is written then.
   */
  publish(tx: Queryable, event: NewEvent, options: PublishOptions): Promise<void> {
    return this.publishAll(tx, [{ event, ...options }])
  }

  /** `publish` for many, in one statement; they are handled in this order where they have one key. */
  async publishAll(tx: Queryable, events: readonly KeyedEvent[]): Promise<void> {
    const messages = events.map(({ event, ...options }) => {
      return toOutbox(this.#envelope(event, options), options.key)
    })
    await this.#options.durable.outbox.write(tx, messages)
  }

  /**
   * Says who handles which events; before `start`.
   *
   * @throws BanyanError BAD_SUBSCRIPTION
   */
  subscribe<const Ds extends readonly EventDefinition[]>(given: ConsumerDefinition<Ds>): void {
    const refuse = (reason: string) => {
      throw new BanyanError('BAD_SUBSCRIPTION', { group: given.consumer, reason })
    }
    if (this.#starting) refuse('the bus has started; subscribe before')
    if (this.#consumers.has(given.consumer)) refuse('there is a consumer of this name')
    const consumer = consumerOf(given, {
      handling: this.#handling,
      around: this.#options.around ?? ((_, run) => run()),
      publish: (tx, event, options) => this.publish(tx, event, options),
    })
    this.#consumers.set(consumer.name, consumer)
  }

  /**
   * Begins to send and to handle. Resolves when every consumer gets what is published from now on; a
   * transport that is away is tried again until then.
   */
  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  /** Lets what runs finish, and leaves the rest to other processes, or to the next start. */
  async stop(): Promise<void> {
    this.#end.abort()
    await this.#starting
    await Promise.all([...this.#subscriptions.values()].map((one) => one.close()))
    await Promise.all([this.#worker?.stop(), this.#relay.stop()])
    await this.#options.transport.close()
  }

  /** Resolves when the transport answers and every consumer is subscribed; for readiness. */
  async check(): Promise<void> {
    await this.#options.transport.check()
    const missing = [...this.#consumers.keys()].filter((name) => !this.#subscriptions.has(name))
    if (missing.length > 0) {
      const [group] = missing
      throw new BanyanError('BAD_SUBSCRIPTION', { group, reason: 'it does not stand yet' })
    }
  }

  /** What is on its way; for metrics. */
  status(): Promise<BusStatus> {
    const { durable, transport } = this.#options
    return busStatus(durable, transport, [...this.#consumers.keys()])
  }

  #envelope({ definition, payload }: NewEvent, { key, correlationId }: PublishOptions): Envelope {
    const { type, version } = definition
    const refuse = (reason: string) => {
      throw new BanyanError('BAD_EVENT', { type, reason })
    }
    const { source } = this.#options
    if (this.#registry.get(type) !== definition)
      refuse(`it is not among what "${source}" publishes`)
    if (key === '' || key.length > 255 || key.includes('\0')) {
      refuse(`its key has ${key.length} characters; allowed are 1 to 255, none of them NUL`)
    }
    const cause = this.#handling.getStore()
    const current = this.#options.current?.()
    const eventId = messageId()
    const traceparent = current?.traceparent ?? cause?.traceparent
    return {
      eventId,
      eventType: type,
      timestamp: new Date().toISOString(),
      source,
      correlationId: correlationId ?? cause?.correlationId ?? current?.correlationId ?? eventId,
      ...(cause ? { causationId: cause.id } : {}),
      payload: checked(definition, payload),
      schemaVersion: version,
      ...(traceparent ? { traceparent } : {}),
    }
  }

  async #start(): Promise<void> {
    const handlers: Record<string, InboxWorkerOptions['handlers'][string]> = {}
    for (const { name, handle } of this.#consumers.values()) {
      handlers[name] = (tx, message) => handle(tx, [message])
    }
    const { durable } = this.#options
    this.#worker = new InboxWorker({ durable, handlers, onProblem: this.#report })
    this.#worker.start()
    await Promise.all([...this.#consumers.values()].map((one) => this.#subscribe(one)))
    // Not before: what is sent while a group of ours is still to be made would not be for it.
    if (!this.#end.signal.aborted) this.#relay.start()
  }

  async #subscribe(consumer: Consumer): Promise<void> {
    const { name, types, concurrency, gatherMs, handle } = consumer
    const { durable, transport } = this.#options
    const receive = async (batch: readonly WireMessage[]) => {
      let handlingMs = 0
      await durable.inbox.receiveBatch(name, batch.map(toInbox), async (tx, messages) => {
        const began = performance.now()
        await handle(tx, messages)
        handlingMs += performance.now() - began
      })
      return handlingMs
    }
    const inbox = new Gathered(concurrency, BATCH, receive, gatherMs)
    const deliver = async (message: WireMessage) => {
      try {
        await inbox.add(message)
      } catch (error) {
        this.#report(error as Error)
        throw error
      }
    }
    const { signal } = this.#end
    // Enough in flight to fill the batches, each of another key.
    const request = { group: name, types, concurrency: concurrency * BATCH }
    while (!signal.aborted) {
      try {
        this.#subscriptions.set(name, await transport.subscribe(request, deliver))
        return
      } catch (error) {
        this.#report(error as Error)
        await delay(SUBSCRIBE_AGAIN_MS, undefined, { signal }).catch(() => {})
      }
    }
  }
}
