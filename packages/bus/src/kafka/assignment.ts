import { setTimeout as delay } from 'node:timers/promises'
import type { Consumer, EachBatchPayload } from 'kafkajs'
import { type InHand, KeyedDeliveries } from '../keyed-deliveries.ts'
import { Repeated } from '../repeated.ts'
import type { WireMessage } from '../transport.ts'
import type { KafkaAdmin } from './admin.ts'
import { PartitionWindow, toMetadata } from './partition-window.ts'
import { endsOf, positionsOf } from './positions.ts'
import { fromRecord, typeOf } from './wire.ts'

/** What is done is committed this long after, ms, so that many are committed at once. */
const COMMIT_AFTER_MS = 20
const COMMIT_AGAIN_MS = 1_000

/**
 * A partition is read no further while it holds this many messages that are not done, or goes this far
 * past the first of them, or all together hold this many bytes: memory is bounded, and so is what a
 * crash delivers again.
 */
const FULL = { pending: 1_000, span: 10_000, bytes: 64 * 1024 * 1024 }

interface Held extends InHand {
  readonly partition: number
  readonly offset: number
  readonly bytes: number
}

export interface AssignmentOptions {
  readonly consumer: Consumer
  readonly admin: KafkaAdmin
  readonly topic: string
  readonly group: string
  readonly types: ReadonlySet<string>
  readonly partitions: readonly number[]
  readonly concurrency: number
  readonly deliver: (message: WireMessage) => Promise<void>
}

/** The partitions that a member owns from one rebalance to the next, and the work on them. */
export class KafkaAssignment {
  readonly #options: AssignmentOptions
  readonly #deliveries: KeyedDeliveries<Held>
  readonly #windows = new Map<number, PartitionWindow>()
  readonly #paused = new Map<number, () => void>()
  readonly #committed = new Map<number, string>()
  readonly #committing: Repeated
  #partitionsOfTopic = 0
  #bytes = 0
  #draining: Promise<void> | null = null
  #drained = false
  /** Resolves when it is known, and kept by the broker, where each partition is read from. */
  readonly ready: Promise<void>

  constructor(options: AssignmentOptions) {
    this.#options = options
    this.#deliveries = new KeyedDeliveries<Held>({
      concurrency: options.concurrency,
      deliver: options.deliver,
      mayBegin: () => true,
      delivered: (item) => this.#delivered(item),
      // The partition is read in one direction only: what waits behind a rejected message stays here.
      surrendered: (items) => this.#deliveries.add(items),
    })
    this.#committing = new Repeated(COMMIT_AGAIN_MS, async () => {
      await delay(COMMIT_AFTER_MS)
      await this.#commit()
    })
    this.ready = this.#begin()
    // Whoever waits for it hears of a failure; nobody has to.
    this.ready.catch(() => {})
  }

  get drained(): boolean {
    return this.#drained
  }

  /** By partition: how many messages are held, and the offset that is read next. */
  get windows(): ReadonlyMap<number, { readonly pending: number; readonly next: number }> {
    return this.#windows
  }

  /** Takes a batch into the hand, without waiting for its deliveries. */
  async take({ batch, resolveOffset, pause }: EachBatchPayload): Promise<void> {
    await this.ready
    const window = this.#windows.get(batch.partition)
    if (this.#draining || !window) return
    const items: Held[] = []
    for (const record of batch.messages) {
      const offset = Number(record.offset)
      const type = typeOf(record)
      if (type !== undefined && this.#options.types.has(type) && window.isNew(offset)) {
        window.hold(offset)
        const bytes = record.value?.length ?? 0
        this.#bytes += bytes
        const message = fromRecord(record, type)
        items.push({ message, partition: batch.partition, offset, bytes })
      } else {
        window.seen(offset)
      }
      resolveOffset(record.offset)
    }
    if (items.length > 0) this.#deliveries.add(items)
    if (this.#isFull(window, 1)) this.#paused.set(batch.partition, pause())
    this.#committing.poke()
  }

  /** Nothing up to this offset is left to read; the last ones may be the marks of a transaction. */
  passed(partition: number, offset: number): void {
    if (this.#draining) return
    this.#windows.get(partition)?.seen(offset)
    this.#committing.poke()
  }

  /** Begins nothing more, waits for what runs, commits what is done. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain()
    return this.#draining
  }

  async #drain(): Promise<void> {
    await this.#deliveries.stop()
    await this.#committing.stop()
    // A member that is given up by the group cannot commit; its messages are delivered again.
    await this.#commit().catch(() => {})
    for (const resume of this.#paused.values()) resume()
    this.#drained = true
  }

  async #begin(): Promise<void> {
    const { admin, topic, group, partitions, consumer } = this.#options
    const positions = await positionsOf(admin, topic, group)
    this.#partitionsOfTopic = positions.partitions.length
    const known = Math.max(0, ...[...positions.committed.values()].map((one) => one.partitions))
    const missing = partitions.filter((partition) => !positions.committed.has(partition))
    const ends = missing.length > 0 ? await endsOf(admin, topic) : new Map<number, number>()
    for (const partition of partitions) {
      const committed = positions.committed.get(partition)
      // A new group gets what is published from now on; an old one everything of a new partition.
      const isAdded = known > 0 && partition >= known
      const offset = committed?.offset ?? (isAdded ? 0 : (ends.get(partition) ?? 0))
      const ahead = committed?.ahead ?? new Set()
      this.#windows.set(partition, new PartitionWindow({ offset, ahead }))
      if (!committed) consumer.seek({ topic, partition, offset: String(offset) })
      else this.#committed.set(partition, this.#text(partition))
    }
    await this.#commit()
  }

  #delivered({ partition, offset, bytes }: Held): void {
    this.#windows.get(partition)!.done(offset)
    this.#bytes -= bytes
    this.#committing.poke()
    for (const [paused, resume] of this.#paused) {
      if (this.#isFull(this.#windows.get(paused)!, 0.5)) continue
      this.#paused.delete(paused)
      resume()
    }
  }

  #isFull({ pending, span }: PartitionWindow, share: number): boolean {
    return (
      pending >= FULL.pending * share ||
      span >= FULL.span * share ||
      this.#bytes >= FULL.bytes * share
    )
  }

  #text(partition: number): string {
    const position = this.#windows.get(partition)!.position()
    return `${position.offset} ${toMetadata(position, this.#partitionsOfTopic)}`
  }

  async #commit(): Promise<void> {
    const { consumer, topic } = this.#options
    const changed = new Map<number, string>()
    for (const partition of this.#windows.keys()) {
      const text = this.#text(partition)
      if (text !== this.#committed.get(partition)) changed.set(partition, text)
    }
    if (changed.size === 0) return
    await consumer.commitOffsets(
      [...changed].map(([partition, text]) => {
        const [offset, metadata] = text.split(' ') as [string, string]
        return { topic, partition, offset, metadata }
      }),
    )
    for (const [partition, text] of changed) this.#committed.set(partition, text)
  }
}
