import { setTimeout as delay } from 'node:timers/promises'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { WireMessage } from '../transport.ts'
import { closed } from './closed.ts'
import type { Link } from './link.ts'
import { openChannel } from './topology.ts'
import { fromDelivery } from './wire.ts'

/** The pause before a lost channel is opened again, ms: doubled each time, up to the last. */
const PAUSE_MS = { first: 100, last: 2_000 }

/** A message in hand, and the channel on which it came: there alone it can be acknowledged. */
export interface Held {
  readonly message: WireMessage
  readonly turn: Turn
  readonly tag: ConsumeMessage
}

/** From the opening of a channel until it is lost or given up. */
export class Turn {
  readonly channel: Channel
  /** Whether a message came: the broker has made us the one consumer that is active. */
  active = false
  /** Lost, or about to be given up: nothing of it may begin. */
  over = false
  /** Taken and not yet acknowledged. */
  pending = 0

  constructor(channel: Channel) {
    this.channel = channel
  }

  acknowledge(tag: ConsumeMessage): void {
    // On a lost channel nobody hears it: the broker has given the message back.
    if (this.lost) return
    this.channel.ack(tag)
    this.pending--
  }

  lost = false
}

export interface PartitionOptions {
  readonly link: Link
  readonly queue: string
  readonly prefetch: number
  readonly types: ReadonlySet<string>
  readonly taken: (held: Held) => void
  /** Called when a turn is over: what is in hand of it and has not begun is no longer ours. */
  readonly ended: (turn: Turn) => void
}

/** One consumer of one queue, on a channel of its own, opened again whenever it is lost. */
export class Partition {
  readonly #options: PartitionOptions
  readonly #running: Promise<void>
  readonly #stop = new AbortController()
  turn: Turn | null = null

  constructor(options: PartitionOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  /** How many consumers the queue has, ours among them; 0 while the channel is lost. */
  async consumers(): Promise<number> {
    const answer = await this.turn?.channel.checkQueue(this.#options.queue)
    return answer?.consumerCount ?? 0
  }

  /** Closes the channel: what is not acknowledged goes back in order, and the next consumer is active. */
  async release(turn: Turn): Promise<void> {
    await closed(turn.channel)
  }

  /** Closes the channel for good. */
  async close(): Promise<void> {
    this.#stop.abort()
    if (this.turn) await this.release(this.turn)
    await this.#running
  }

  async #run(): Promise<void> {
    let pauseMs = PAUSE_MS.first
    while (!this.#stop.signal.aborted) {
      try {
        await this.#consume(() => {
          pauseMs = PAUSE_MS.first
        })
      } catch {
        await delay(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => {})
        pauseMs = Math.min(pauseMs * 2, PAUSE_MS.last)
      }
    }
  }

  /** Resolves when the channel is closed. */
  async #consume(begun: () => void): Promise<void> {
    const { link, queue, prefetch, types, taken, ended } = this.#options
    const channel = await openChannel(await link.model())
    const turn = new Turn(channel)
    const ending = new Promise<void>((resolve) => channel.once('close', resolve))
    this.turn = turn
    try {
      await channel.prefetch(prefetch)
      await channel.consume(queue, (tag) => {
        // The broker takes the consumer away when the queue is deleted.
        if (tag === null) return void closed(channel)
        if (turn.over) return
        turn.active = true
        turn.pending++
        const message = fromDelivery(tag)
        // A type the group no longer asks for: its binding stays until somebody removes it.
        if (!types.has(message.type)) return turn.acknowledge(tag)
        taken({ message, turn, tag })
      })
      begun()
      if (this.#stop.signal.aborted) await this.release(turn)
      await ending
    } finally {
      turn.lost = true
      turn.over = true
      if (this.turn === turn) this.turn = null
      ended(turn)
    }
  }
}
