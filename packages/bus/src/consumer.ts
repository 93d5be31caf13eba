import type { AsyncLocalStorage } from 'node:async_hooks'
import { BanyanError, type Envelope, readEnvelope } from '@banyan/contracts'
import { type BatchHandler, type OutgoingMessage, oneByOne, Unprocessable } from '@banyan/durable'
import type { PoolClient } from '@banyan/postgres'
import type { z } from 'zod'
import { checkSubscription } from './check-subscription.ts'
import type { EventDefinition, NewEvent } from './events.ts'

/** An event as a handler gets it: its payload fits the handler's own definition of it. */
export interface ReceivedEvent<D extends EventDefinition = EventDefinition> {
  readonly id: string
  readonly type: D['type']
  readonly payload: z.output<D['payload']>
  /** Ordering key. */
  readonly key: string
  readonly occurredAt: Date
  readonly source: string
  readonly correlationId: string
  readonly causationId?: string
  readonly traceparent?: string
}

/** One of several events; `type` tells which. */
export type AnyOf<Ds extends readonly EventDefinition[]> = {
  [I in keyof Ds]: ReceivedEvent<Ds[I]>
}[number]

export interface HandlerContext {
  /** The transaction that also records the event as handled: what is written through it happens once. */
  readonly tx: PoolClient
  /** Publishes in the same transaction, as a consequence of the event that is handled. */
  readonly publish: (event: NewEvent, options: { readonly key: string }) => Promise<void>
}

interface Subscriber<Ds extends readonly EventDefinition[]> {
  /** Unique in the whole system, and kept over deploys: all processes of this name share the events. */
  readonly consumer: string
  readonly events: Ds
  /** Transactions at once in this process; 4 by default. Quick handlers share one. */
  readonly concurrency?: number
  /**
   * From the begin of one transaction to the next, ms, so that more events come into each; 0 by default, 10,000 at
   * most. An event after a longer pause waits for nothing.
   */
  readonly gatherMs?: number
}

interface Handles<Ds extends readonly EventDefinition[]> {
  /**
   * Called in the order of each key. What it throws undoes what it wrote; it is called again after
   * pauses, and after the last one the event is a dead letter. `Unprocessable` makes it one at once.
   */
  readonly handler: (event: AnyOf<Ds>, context: HandlerContext) => Promise<void>
  readonly batchHandler?: undefined
}

interface HandlesBatches<Ds extends readonly EventDefinition[]> {
  readonly handler?: undefined
  /**
   * Gets all events of a transaction at once, those of a key in their order: for what costs less for many
   * than for each. When it throws, each of them is handled again alone, as by `handler`.
   */
  readonly batchHandler: (
    events: readonly AnyOf<Ds>[],
    context: Pick<HandlerContext, 'tx'>,
  ) => Promise<void>
}

export type ConsumerDefinition<Ds extends readonly EventDefinition[]> = Subscriber<Ds> &
  (Handles<Ds> | HandlesBatches<Ds>)

/** What the bus puts around a handler: traces, logs, a clock. Several events are those of a batch. */
export type Around = (
  handling: { readonly consumer: string; readonly events: readonly ReceivedEvent[] },
  run: () => Promise<void>,
) => Promise<void>

/** A consumer without its types, as the bus keeps it. */
export interface Consumer {
  readonly name: string
  readonly types: readonly string[]
  readonly concurrency: number
  readonly gatherMs: number
  readonly handle: BatchHandler
}

export interface ConsumerSurroundings {
  readonly handling: AsyncLocalStorage<ReceivedEvent>
  readonly around: Around
  readonly publish: (
    tx: PoolClient,
    event: NewEvent,
    options: { readonly key: string },
  ) => Promise<void>
}

/** Longer, and a broker would take what gathers for lost. */
const LONGEST_GATHER_MS = 10_000

/** @throws BanyanError BAD_SUBSCRIPTION */
export function consumerOf<const Ds extends readonly EventDefinition[]>(
  given: ConsumerDefinition<Ds>,
  { handling, around, publish }: ConsumerSurroundings,
): Consumer {
  const { consumer, events, handler, batchHandler, concurrency = 4, gatherMs = 0 } = given
  const types = events.map(({ type }) => type)
  checkSubscription({ group: consumer, types, concurrency })
  if (!(gatherMs >= 0 && gatherMs <= LONGEST_GATHER_MS)) {
    const reason = `gatherMs is ${gatherMs}; it is 0 to ${LONGEST_GATHER_MS}`
    throw new BanyanError('BAD_SUBSCRIPTION', { group: consumer, reason })
  }
  return {
    name: consumer,
    types,
    concurrency,
    gatherMs,
    handle: batchHandler
      ? async (tx, messages) => {
          const received = messages.map((message) => read(events, message))
          await around({ consumer, events: received }, () =>
            batchHandler(received as AnyOf<Ds>[], { tx }),
          )
        }
      : oneByOne(async (tx, message) => {
          const event = read(events, message)
          const context: HandlerContext = {
            tx,
            publish: (next, options) => publish(tx, next, options),
          }
          await handling.run(event, () =>
            around({ consumer, events: [event] }, () => handler(event as AnyOf<Ds>, context)),
          )
        }),
  }
}

/** @throws Unprocessable for what is no event, or does not fit: no further attempt would help. */
function read(events: readonly EventDefinition[], message: OutgoingMessage): ReceivedEvent {
  let envelope: Envelope
  let payload: unknown
  try {
    envelope = readEnvelope(message.payload)
    const type = envelope.eventType
    const definition = events.find((one) => one.type === type)
    if (!definition) throw new BanyanError('BAD_EVENT', { type, reason: 'nobody here handles it' })
    payload = definition.parse(envelope.payload, envelope.schemaVersion)
  } catch (error) {
    // An upcast may throw whatever it likes: it too would do so again.
    throw new Unprocessable((error as Error).message, { cause: error })
  }
  const { eventId, eventType, timestamp, source, correlationId, causationId, traceparent } =
    envelope
  return {
    id: eventId,
    type: eventType,
    payload,
    key: message.key,
    occurredAt: new Date(timestamp),
    source,
    correlationId,
    ...(causationId === undefined ? {} : { causationId }),
    ...(traceparent === undefined ? {} : { traceparent }),
  }
}
