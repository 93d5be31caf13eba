import {
  DescribeEventBusCommand,
  type EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
} from '@aws-sdk/client-eventbridge'
import { sendInOrder } from './in-order.ts'
import type { Entry } from './wire.ts'

/** PutEvents requests at once. */
const PARALLEL = 4

/** What an entry adds to its detail: time, source, type, name of the bus; rounded up. */
const ENTRY_OVERHEAD = 512

/**
 * Tells events to an EventBridge bus, for those who are no group of ours: Lambda functions, other
 * accounts, archives. At least once, and its rules deliver in no order.
 */
export class EventBus {
  readonly #client: EventBridgeClient
  readonly #name: string
  readonly #source: string
  readonly #maxBytes: number

  constructor(client: EventBridgeClient, name: string, source: string, maxBytes: number) {
    this.#client = client
    this.#name = name
    this.#source = source
    this.#maxBytes = maxBytes
  }

  async tell(entries: readonly Entry[]): Promise<void> {
    const items = entries.map((entry) => ({
      key: entry.message.key,
      bytes: entry.bytes + ENTRY_OVERHEAD,
      entry: this.#entry(entry),
    }))
    const limits = { bytes: this.#maxBytes, parallel: PARALLEL }
    await sendInOrder(items, limits, async (batch) => {
      const { Entries, FailedEntryCount } = await this.#client.send(
        new PutEventsCommand({ Entries: batch.map(({ entry }) => entry) }),
      )
      if (!FailedEntryCount) return
      const first = Entries?.find(({ ErrorCode }) => ErrorCode !== undefined)
      const why = `${first?.ErrorCode} ${first?.ErrorMessage}`
      throw new Error(`EventBridge did not take ${FailedEntryCount}: ${why}`)
    })
  }

  /** @throws what EventBridge or the network said. */
  async check(): Promise<void> {
    await this.#client.send(new DescribeEventBusCommand({ Name: this.#name }))
  }

  #entry({ message }: Entry): PutEventsRequestEntry {
    return {
      EventBusName: this.#name,
      Source: message.headers['ce-source'] ?? this.#source,
      DetailType: message.type,
      Detail: isObject(message.body) ? message.body : JSON.stringify({ body: message.body }),
    }
  }
}

/** EventBridge takes a JSON object and nothing else. */
function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
