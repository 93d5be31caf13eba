import { KeyedDeliveries } from '../keyed-deliveries.ts'
import { Repeated } from '../repeated.ts'
import {
  DEFAULT_CONCURRENCY,
  type Subscription,
  type SubscriptionRequest,
  type WireMessage,
} from '../transport.ts'
import type { Link } from './link.ts'
import { type Held, Partition, type Turn } from './partition.ts'
import type { Settled } from './settings.ts'
import { queueOf, rollOf } from './topology.ts'

export interface RabbitmqSubscriptionOptions {
  readonly link: Link
  readonly settings: Settled
  readonly request: SubscriptionRequest
  readonly deliver: (message: WireMessage) => Promise<void>
}

/**
 * A member of a group: waits at each of its queues, is active at some, delivers by key. The broker
 * makes the first who comes active everywhere, so a member with more than its share lets go of some.
 */
export class RabbitmqSubscription implements Subscription {
  readonly group: string
  readonly #settings: Settled
  readonly #deliveries: KeyedDeliveries<Held>
  readonly #partitions: readonly Partition[]
  /** Where the members are counted; no message comes there. */
  readonly #roll: Partition
  readonly #sharing: Repeated
  /** By key: what waits behind a message that was rejected. */
  readonly #behind = new Map<string, Held[]>()
  readonly #leaving = new Map<Turn, Partition>()
  #closing: Promise<void> | null = null

  constructor({ link, settings, request, deliver }: RabbitmqSubscriptionOptions) {
    this.group = request.group
    this.#settings = settings
    this.#deliveries = new KeyedDeliveries<Held>({
      concurrency: request.concurrency ?? DEFAULT_CONCURRENCY,
      deliver,
      mayBegin: () => true,
      delivered: ({ turn, tag }) => {
        turn.acknowledge(tag)
        this.#settled()
      },
      surrendered: (items) => {
        for (const item of items) this.#wait(item)
        // The rejected one is still being put back; then it may be one of a channel that is no more.
        queueMicrotask(() => this.#settled())
      },
    })
    const types = new Set(request.types)
    const consumer = (queue: string) =>
      new Partition({
        link,
        queue,
        prefetch: settings.prefetch,
        types,
        taken: (held) => this.#take(held),
        ended: () => this.#settled(),
      })
    this.#roll = consumer(rollOf(settings, request.group))
    this.#partitions = Array.from({ length: settings.partitions }, (_, partition) =>
      consumer(queueOf(settings, request.group, partition)),
    )
    this.#sharing = new Repeated(settings.rebalanceMs, () => this.#share())
  }

  /** Messages that this member has taken and not acknowledged. */
  get pending(): number {
    return this.#partitions.reduce((sum, { turn }) => sum + (turn?.pending ?? 0), 0)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#sharing.stop()
    await this.#deliveries.stop()
    // A queue's consumer is not cancelled but dropped with its channel: a cancelled one keeps what it
    // has in hand while the next is active already, which would get ahead of it.
    await Promise.all([this.#roll, ...this.#partitions].map((partition) => partition.close()))
  }

  #take(held: Held): void {
    if (this.#behind.has(held.message.key)) this.#wait(held)
    else this.#deliveries.add([held])
  }

  #wait(held: Held): void {
    const { key } = held.message
    const waiting = this.#behind.get(key)
    if (waiting) waiting.push(held)
    else this.#behind.set(key, [held])
  }

  /** After each delivery and each lost channel: forgets what is no longer ours, goes on with who waited. */
  #settled(): void {
    this.#deliveries.drop(({ turn }) => turn.over)
    const blocked = new Set(this.#deliveries.blocked)
    for (const [key, waiting] of this.#behind) {
      const ours = waiting.filter(({ turn }) => !turn.over)
      if (blocked.has(key)) this.#behind.set(key, ours)
      else {
        this.#behind.delete(key)
        this.#deliveries.add(ours)
      }
    }
    for (const [turn, partition] of this.#leaving) {
      if (this.#deliveries.isRunning((item) => item.turn === turn)) continue
      this.#leaving.delete(turn)
      void partition.release(turn)
    }
  }

  /** Lets go of partitions beyond our share; those are then the next member's, and we wait behind it. */
  async #share(): Promise<void> {
    const active = this.#partitions.filter(({ turn }) => turn?.active && !turn.over)
    if (active.length === 0) return
    const members = await this.#roll.consumers()
    const share = Math.ceil(this.#settings.partitions / Math.max(members, 1))
    for (const partition of active.slice(share)) {
      const { turn } = partition
      if (!turn) continue
      turn.over = true
      this.#leaving.set(turn, partition)
    }
    this.#settled()
  }
}
