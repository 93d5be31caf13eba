import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from '@banyan/postgres'
import { KeyedDeliveries } from '../keyed-deliveries.ts'
import { Repeated } from '../repeated.ts'
import {
  DEFAULT_CONCURRENCY,
  type Subscription,
  type SubscriptionRequest,
  type WireMessage,
} from '../transport.ts'
import type { Listener } from './listener.ts'
import type { Lookout } from './lookout.ts'
import { Membership, membersChanged } from './membership.ts'
import { READ_BYTES, type Statements } from './statements.ts'

interface Row extends WireMessage {
  readonly position: string
  readonly lane: number
}

interface Held {
  readonly message: WireMessage
  readonly position: string
  readonly lane: number
}

export interface PostgresSubscriptionOptions {
  readonly pool: Pool
  readonly sql: Statements
  readonly listener: Listener
  readonly lookout: Lookout
  readonly channel: string
  readonly group: number
  readonly leaseMs: number
  readonly request: SubscriptionRequest
  readonly deliver: (message: WireMessage) => Promise<void>
}

/** Messages in hand at most: enough for every delivery to find its next one while more are read. */
const IN_HAND = { least: 500, perDelivery: 16 }

/** A member of a group: reads the messages of its lanes, delivers them, deletes what is acknowledged. */
export class PostgresSubscription implements Subscription {
  readonly #options: PostgresSubscriptionOptions
  readonly #deliveries: KeyedDeliveries<Held>
  readonly #reading: Repeated
  readonly #flushing: Repeated
  readonly #inHand: number
  /** By position: delivered, and not yet deleted for sure. */
  readonly #delivered = new Map<string, Held>()
  /** Keys that came to stand still while a read was on its way: what it brings of them is out of order. */
  readonly #surrendered = new Set<string>()
  readonly #unlisten: () => void
  readonly #unwatch: () => void
  #membership: Membership | null = null
  #more = true
  #closing: Promise<void> | null = null

  private constructor(options: PostgresSubscriptionOptions) {
    this.#options = options
    const concurrency = options.request.concurrency ?? DEFAULT_CONCURRENCY
    this.#inHand = Math.max(IN_HAND.least, concurrency * IN_HAND.perDelivery)
    this.#deliveries = new KeyedDeliveries<Held>({
      concurrency,
      deliver: options.deliver,
      mayBegin: () => this.#membership?.alive ?? false,
      delivered: (item) => this.#acknowledge(item),
      surrendered: (items) => {
        for (const { message } of items) this.#surrendered.add(message.key)
        this.#more = true
      },
    })
    this.#reading = new Repeated(null, () => this.#read())
    this.#flushing = new Repeated(null, () => this.#flush())
    this.#unlisten = options.listener.listen((payload) => this.#heard(payload))
    this.#unwatch = options.lookout.watch(options.group, () => this.#reading.poke())
  }

  static async open(options: PostgresSubscriptionOptions): Promise<PostgresSubscription> {
    const subscription = new PostgresSubscription(options)
    try {
      subscription.#membership = await Membership.join({
        pool: options.pool,
        sql: options.sql,
        channel: options.channel,
        group: options.group,
        leaseMs: options.leaseMs,
        busy: (lane) => subscription.#busy(lane),
        changed: () => subscription.#changed(),
        renewed: () => subscription.#deliveries.resume(),
      })
    } catch (error) {
      await subscription.close()
      throw error
    }
    return subscription
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#unlisten()
    this.#unwatch()
    await this.#reading.stop()
    await this.#deliveries.stop()
    await this.#flushing.stop()
    // After that long the others have taken over, and deliver again what we could not acknowledge.
    const deadline = performance.now() + this.#options.leaseMs
    while (this.#delivered.size > 0 && performance.now() < deadline) {
      await this.#flush().catch(() => delay(100))
    }
    await this.#membership?.leave()
  }

  #heard(payload: string): void {
    const { group } = this.#options
    if (payload === membersChanged(group)) this.#membership?.look()
    else if (payload === '' || payload.split(' ').includes(String(group))) {
      this.#more = true
      this.#reading.poke()
    }
  }

  #changed(): void {
    const lanes = this.#membership?.lanes
    this.#deliveries.drop(({ lane }) => !lanes?.has(lane))
    this.#deliveries.resume()
    this.#more = true
    this.#reading.poke()
  }

  #busy(lane: number): boolean {
    if (this.#deliveries.isRunning((item) => item.lane === lane)) return true
    for (const item of this.#delivered.values()) if (item.lane === lane) return true
    return false
  }

  async #read(): Promise<void> {
    const { pool, sql, group } = this.#options
    const room = this.#inHand - this.#deliveries.held
    const lanes = new Map(this.#membership?.lanes)
    if (lanes.size === 0 || room < this.#inHand / 2) return
    this.#surrendered.clear()
    this.#more = false
    const inHand = [
      ...this.#deliveries.items.map((item) => item.position),
      ...this.#delivered.keys(),
    ]
    const { rows } = await pool.query<Row>(sql.read, [
      group,
      [...lanes.keys()],
      inHand,
      this.#deliveries.blocked,
      room,
    ])
    // All that there was: whatever is committed after this says so.
    this.#more ||= rows.length === room || charactersOf(rows) > READ_BYTES / 4
    const blocked = new Set([...this.#surrendered, ...this.#deliveries.blocked])
    this.#deliveries.add(
      rows
        // A lane that was lost meanwhile, and perhaps taken again, was another's in between.
        .filter(({ lane, key }) => {
          return this.#membership?.lanes.get(lane) === lanes.get(lane) && !blocked.has(key)
        })
        .map(({ position, lane, id, type, key, body, headers }) => {
          return { position, lane, message: { id, type, key, body, headers } }
        }),
    )
    this.#readOn()
  }

  #acknowledge(item: Held): void {
    this.#delivered.set(item.position, item)
    this.#flushing.poke()
    this.#readOn()
  }

  /** Reads when there may be more and half of the hand is empty: few large reads, not many small ones. */
  #readOn(): void {
    if (this.#more && this.#deliveries.held < this.#inHand / 2) this.#reading.poke()
  }

  async #flush(): Promise<void> {
    const positions = [...this.#delivered.keys()]
    if (positions.length === 0) return
    const { pool, sql, group } = this.#options
    await pool.query(sql.acknowledge, [group, positions])
    for (const position of positions) this.#delivered.delete(position)
    if (this.#membership?.lettingGo) this.#membership.look()
  }
}

/** Each of at most three bytes: a read that the bytes have ended has more of them than a quarter of these. */
function charactersOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { body }) => sum + body.length, 0)
}
