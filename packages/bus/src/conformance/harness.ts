import { randomUUID } from 'node:crypto'
import type { Transport, WireMessage } from '../transport.ts'

/** A server of a transport, as the conformance suite drives it. Made once for the whole suite. */
export interface TransportHarness {
  /**
   * File URL of a module that exports `openTransport(settings: string): Promise<Transport>`. The
   * suite loads it, and so do child processes that it kills, so that a crash is a real one.
   */
  readonly module: string
  /**
   * Handed to `openTransport`: a URL, or JSON. Set short leases, sessions or visibility timeouts
   * (about 2 s) in it: the suite waits for a dead member's messages to come back.
   */
  readonly settings: string
  /** The largest body, bytes, that must go through. */
  readonly largestBody: number
  /**
   * Set where the server is an emulator that keeps its messages over a restart, but not their order: the
   * cases that kill it then look at what was lost or doubled, not at the order.
   */
  readonly disordersWhenRestarted?: boolean
  /**
   * Which part of their messages the larger cases publish, all when left out: an emulator takes hundreds
   * a second where a broker takes thousands, and what a case shows does not hang on their number.
   */
  readonly share?: number
  /**
   * Set where a broker writes down late which groups there are: makes it do so. The cases that kill it call
   * this once their group is made, for they ask what becomes of messages, not of a group a moment old.
   */
  settle?(): Promise<void>
  /** Ends the server the hard way (SIGKILL) and starts it again on the data it has on disk. */
  restartBroker(): Promise<void>
  /** Ends what the harness started. */
  stop(): Promise<void>
}

/** What the module of a harness exports. */
export interface TransportModule {
  openTransport(settings: string): Promise<Transport>
}

/** Opens transports and closes whatever a test left open. */
export class Opened {
  readonly #harness: TransportHarness
  readonly #open: Transport[] = []

  constructor(harness: TransportHarness) {
    this.#harness = harness
  }

  /** One more transport, as another process would open it. */
  async transport(): Promise<Transport> {
    const module = (await import(this.#harness.module)) as TransportModule
    const transport = await module.openTransport(this.#harness.settings)
    this.#open.push(transport)
    return transport
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((transport) => transport.close()))
  }
}

/** The harness's share of a number, as a multiple of `unit` and at least that. */
export function shareOf({ share = 1 }: TransportHarness, count: number, unit = 1): number {
  return Math.max(1, Math.round((count * share) / unit)) * unit
}

/** Names that no other test, and no earlier run against the same server, has used. */
export function names(): { group: string; other: string; type: string; unknown: string } {
  const run = randomUUID().slice(0, 8)
  return {
    group: `group-${run}`,
    other: `other-${run}`,
    type: `thing-${run}.changed`,
    unknown: `thing-${run}.ignored`,
  }
}

/** `count` messages of a type, the keys taken in turn; the body tells the number within its key. */
export function messages(type: string, count: number, keys: number, from = 0): WireMessage[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i
    return message(type, `key-${n % keys}`, String(Math.floor(n / keys)))
  })
}

export function message(type: string, key: string, body: string): WireMessage {
  return { id: randomUUID(), type, key, body, headers: {} }
}
