import { setTimeout as delay } from 'node:timers/promises'
import type { Message } from '@aws-sdk/client-sqs'
import { type InHand, KeyedDeliveries } from '../keyed-deliveries.ts'
import { Repeated } from '../repeated.ts'
import {
  DEFAULT_CONCURRENCY,
  type Subscription,
  type SubscriptionRequest,
  type WireMessage,
} from '../transport.ts'
import { type AwsQueue, BATCH } from './queue.ts'
import type { Settled } from './settings.ts'
import { fromSqs } from './wire.ts'

/** Messages in hand for each delivery that may run: the next ones wait here, not behind a request. */
const IN_HAND = 4
/** Requests for messages at once. */
const POLLERS = 4
/** What is done is deleted this long after, ms, so that ten go in one request. */
const DELETE_AFTER_MS = 5
const AGAIN_MS = 1_000
/** A question that failed is asked again after this, ms. */
const AFTER_FAILURE_MS = 200

/**
 * A type that this member does not know: while a new version is rolled out another one does. It is left
 * for that one so often, after so many seconds; then it is delivered here, to become a dead letter.
 */
const FOREIGN = { times: 20, seconds: 5 }

interface Held extends InHand {
  readonly receipt: string
}

export interface AwsSubscriptionOptions {
  readonly queue: AwsQueue
  readonly settings: Settled
  readonly request: SubscriptionRequest
  readonly deliver: (message: WireMessage) => Promise<void>
}

/** A member of a group: takes messages out of its queue, keeps them hidden, deletes what is done. */
export class AwsSubscription implements Subscription {
  readonly #queue: AwsQueue
  readonly #settings: Settled
  readonly #types: ReadonlySet<string>
  readonly #deliveries: KeyedDeliveries<Held>
  readonly #deleting: Repeated
  readonly #hiding: Repeated
  readonly #pollers: Promise<unknown>
  readonly #inHand: number
  #done: Held[] = []
  #asking = 0
  #roomMade = () => {}
  #closing: Promise<void> | null = null

  constructor({ queue, settings, request, deliver }: AwsSubscriptionOptions) {
    this.#queue = queue
    this.#settings = settings
    this.#types = new Set(request.types)
    const concurrency = request.concurrency ?? DEFAULT_CONCURRENCY
    this.#inHand = Math.max(2 * BATCH, concurrency * IN_HAND)
    this.#deliveries = new KeyedDeliveries<Held>({
      concurrency,
      deliver,
      mayBegin: () => true,
      delivered: (item) => {
        this.#done.push(item)
        this.#deleting.poke()
      },
      // The rejected one stays here and hidden, and while it is, SQS gives out none of its key.
      surrendered: (items) => this.#giveBack(items),
    })
    this.#deleting = new Repeated(AGAIN_MS, async () => {
      if (this.#done.length < BATCH) await delay(DELETE_AFTER_MS)
      await this.#delete()
    })
    this.#hiding = new Repeated((settings.visibilityTimeoutS * 1_000) / 3, () => this.#hide())
    this.#pollers = Promise.all(Array.from({ length: POLLERS }, () => this.#poll()))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    this.#roomMade()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([this.#pollers, this.#deliveries.stop()])
    await Promise.all([this.#hiding.stop(), this.#deleting.stop()])
    // After that long others are given the messages anyway.
    const deadline = performance.now() + this.#settings.visibilityTimeoutS * 1_000
    while (this.#done.length > 0 && performance.now() < deadline) {
      await this.#delete().catch(() => delay(AFTER_FAILURE_MS))
    }
    await this.#queue.hide(this.#deliveries.items, 0).catch(() => {})
  }

  async #poll(): Promise<void> {
    while (!this.#closing) {
      const taken = this.#deliveries.held + this.#done.length + this.#asking * BATCH
      if (taken + BATCH > this.#inHand) {
        await this.#room()
        continue
      }
      this.#asking++
      try {
        const { visibilityTimeoutS, waitS } = this.#settings
        await this.#take(await this.#queue.receive(visibilityTimeoutS, waitS))
      } catch {
        await delay(AFTER_FAILURE_MS)
      } finally {
        this.#asking--
        this.#roomMade()
      }
    }
  }

  async #take(messages: readonly Message[]): Promise<void> {
    const items: Held[] = []
    const foreign: Held[] = []
    for (const given of messages) {
      const receipt = given.ReceiptHandle!
      const message = fromSqs(given)
      const times = Number(given.Attributes?.ApproximateReceiveCount ?? 1)
      if (!message || (!this.#types.has(message.type) && times <= FOREIGN.times)) {
        foreign.push({ message: message ?? NOBODYS, receipt })
      } else {
        items.push({ message, receipt })
      }
    }
    if (this.#closing) {
      await this.#queue.hide([...items, ...foreign], 0)
      return
    }
    // What came behind a foreign one of its key waits behind it in the queue, not here.
    const keys = new Set(foreign.map(({ message }) => message.key))
    const [behind, own] = [items.filter(isOf(keys)), items.filter((item) => !isOf(keys)(item))]
    this.#deliveries.add(own)
    if (foreign.length > 0) await this.#queue.hide([...foreign, ...behind], FOREIGN.seconds)
  }

  /** Resolves when a poller may look again whether there is room. */
  #room(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#roomMade
      this.#roomMade = () => {
        before()
        this.#roomMade = () => {}
        resolve()
      }
    })
  }

  async #delete(): Promise<void> {
    const done = this.#done
    this.#done = []
    try {
      await this.#queue.delete(done)
      this.#roomMade()
    } catch (error) {
      this.#done.push(...done)
      throw error
    }
  }

  async #hide(): Promise<void> {
    const items = this.#deliveries.items
    const lost = new Set(await this.#queue.hide(items, this.#settings.visibilityTimeoutS))
    if (lost.size === 0) return
    // They come again, here or at another member: what stands behind them must not begin before.
    const keys = new Set([...lost].map(({ message }) => message.key))
    const dropped = new Set(items.filter(isOf(keys)))
    this.#deliveries.drop((item) => dropped.has(item))
    for (const kept of this.#deliveries.items) dropped.delete(kept)
    this.#giveBack([...dropped].filter((item) => !lost.has(item)))
  }

  #giveBack(items: readonly Held[]): void {
    if (items.length === 0) return
    // What cannot be given back comes back by itself when its time is over.
    this.#queue.hide(items, 0).catch(() => {})
    this.#roomMade()
  }
}

/** A message that no transport of ours wrote. */
const NOBODYS: WireMessage = { id: '', type: '', key: '', body: '', headers: {} }

function isOf(keys: ReadonlySet<string>): (item: Held) => boolean {
  return ({ message }) => keys.has(message.key)
}
