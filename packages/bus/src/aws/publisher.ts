import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { BanyanError } from '@banyan/contracts'
import type { WireMessage } from '../transport.ts'
import type { EventBus } from './event-bus.ts'
import type { AwsGroups } from './groups.ts'
import { sendInOrder } from './in-order.ts'
import type { Settled } from './settings.ts'
import { type Entry, toEntry } from './wire.ts'

/** Requests on their way to one queue at once. */
const PARALLEL = 8

/** Puts each event into the queue of every group that wants it, then tells it to the event bus. */
export class AwsPublisher {
  readonly #sqs: SQSClient
  readonly #groups: AwsGroups
  readonly #bus: EventBus | null
  readonly #settings: Settled
  #last: Promise<unknown> = Promise.resolve()

  constructor(sqs: SQSClient, groups: AwsGroups, bus: EventBus | null, settings: Settled) {
    this.#sqs = sqs
    this.#groups = groups
    this.#bus = bus
    this.#settings = settings
  }

  /** @throws BanyanError MESSAGE_TOO_LARGE before anything is sent. */
  publish(messages: readonly WireMessage[]): Promise<void> {
    const entries = messages.map(toEntry)
    const limit = this.#settings.maxMessageBytes
    for (const { message, bytes } of entries) {
      if (bytes <= limit) continue
      const { id, type } = message
      throw new BanyanError('MESSAGE_TOO_LARGE', { id, type, bytes, limit })
    }
    // One batch after the other: a key's order holds from batch to batch.
    const turn = this.#last.then(() => this.#send(entries))
    this.#last = turn.catch(() => {})
    return turn
  }

  async close(): Promise<void> {
    await this.#last
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    const wanting = await this.#groups.wanting(new Set(entries.map(({ message }) => message.type)))
    const byQueue = new Map<string, (Entry & { key: string })[]>()
    for (const entry of entries) {
      for (const url of wanting.get(entry.message.type) ?? []) {
        const queue = byQueue.get(url)
        const item = { ...entry, key: entry.message.key }
        if (queue) queue.push(item)
        else byQueue.set(url, [item])
      }
    }
    const limits = { bytes: this.#settings.maxMessageBytes, parallel: PARALLEL }
    const sent = await Promise.allSettled(
      [...byQueue].map(([url, items]) =>
        sendInOrder(items, limits, (some) => this.#put(url, some)),
      ),
    )
    const failed = sent.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
    await this.#bus?.tell(entries)
  }

  async #put(url: string, entries: readonly Entry[]): Promise<void> {
    const { Failed } = await this.#sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: url,
        Entries: entries.map(({ request }, i) => ({ Id: String(i), ...request })),
      }),
    )
    const [first] = Failed ?? []
    if (first) throw new Error(`SQS did not take ${Failed!.length}: ${first.Code} ${first.Message}`)
  }
}
