import { claim, Lease } from './claim.ts'
import type { Durable } from './durable.ts'
import { isolate, refusedBy } from './isolate.ts'
import { Loop } from './loop.ts'
import { type MessageRow, type OutgoingMessage, toMessage } from './messages.ts'
import { FEW, RelayStatements } from './relay-statements.ts'
import { RETRY_DELAYS_MS } from './retry.ts'

export interface OutboxRelayOptions {
  readonly durable: Durable
  /**
   * Resolves when the transport has all of them for good; may be given a message again. Throw
   * `MessagesRefused` where the transport names the ones it will never take.
   */
  readonly send: (batch: readonly OutgoingMessage[]) => Promise<void>
  /** Messages at most in a batch; 2,000 by default. */
  readonly batchSize?: number
  /**
   * Batches on their way at once, each of other keys; 2 by default, so that one is read while one is sent. As long
   * as they are small there is one.
   */
  readonly concurrency?: number
  /** After this long, ms, without a sign of life another relay takes over; 30,000 by default. */
  readonly leaseMs?: number
  /**
   * From a small batch that was all there was to the next one, ms; 50 by default. What is alone never waits: the first
   * message after a pause goes at once, and those that come within this time go together at its end.
   */
  readonly gatherMs?: number
  /** Looks at least this often, ms, for what no notification announced; 500 by default. */
  readonly pollMs?: number
  /** Pauses, ms, before a refused message is sent again; after the last one it is a dead letter. */
  readonly retryDelaysMs?: readonly number[]
  /** Told of each batch that could not be sent, and each message refused. */
  readonly onProblem?: (error: Error) => void
}

interface Taken extends MessageRow {
  /** Null in the one row of a claim whose lanes hold nothing to send. */
  readonly token: string
  /** Attempts so far of a message that was refused; null for any other. */
  readonly attempts: number | null
}

/**
 * Takes messages out of the outbox, gives them to the transport and deletes them. It claims lanes of
 * keys and reads what stands in them; it never asks for what is newer than the last one sent, which
 * would pass over a transaction that commits late.
 */
export class OutboxRelay {
  readonly #options: OutboxRelayOptions
  readonly #statements: RelayStatements
  readonly #delays: readonly number[]
  readonly #loops: readonly Loop[]
  readonly #report: (error: Error) => void
  #failures = 0
  /** Whether the last batch was no small one: then there is work for more than one loop. */
  #backlog = false

  constructor(options: OutboxRelayOptions) {
    this.#options = options
    this.#delays = options.retryDelaysMs ?? RETRY_DELAYS_MS
    this.#report = options.onProblem ?? (() => {})
    const concurrency = options.concurrency ?? 2
    this.#statements = new RelayStatements(options.durable, concurrency)
    this.#loops = Array.from(
      { length: concurrency },
      (_, i) =>
        new Loop({
          durable: options.durable,
          topic: 'outbox',
          pollMs: options.pollMs ?? 500,
          gatherMs: options.gatherMs ?? 50,
          due: () => this.#statements.due,
          pass: () => this.#round(),
          ...(i === 0 ? {} : { needed: () => this.#backlog }),
          onProblem: this.#report,
        }),
    )
  }

  start(): void {
    for (const loop of this.#loops) loop.start()
  }

  /** Lets the batches on their way finish, then ends. */
  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()))
  }

  /**
   * Sends one batch. @returns whether there was one.
   * @throws what the transport or the database threw; the messages stay.
   */
  async pass(): Promise<boolean> {
    return (await this.#round()) !== false
  }

  async #round(): Promise<boolean | 'all'> {
    const { durable, batchSize = 2_000, leaseMs = 30_000 } = this.#options
    const takenAt = performance.now()
    const taken = await claim<Taken>(durable.pool, this.#statements.take, batchSize, leaseMs)
    this.#backlog = taken !== null && taken.rows.length >= FEW
    if (this.#backlog) for (const loop of this.#loops) loop.wake()
    if (taken === null) return false
    if (taken.rows[0]!.position === null) {
      await this.#statements.release(taken.token)
      return false
    }
    const lease = new Lease(durable, 'outbox_lane', taken.token, leaseMs, takenAt)
    try {
      await this.#send(lease, taken.rows)
    } catch (error) {
      await this.#statements.release(taken.token).catch(() => {})
      throw error
    } finally {
      lease.end()
    }
    return taken.rows.length < FEW ? 'all' : true
  }

  async #send(lease: Lease, rows: readonly Taken[]): Promise<void> {
    const send = (batch: readonly Taken[]) => {
      // Whoever has the lanes now sends these; after this moment ours would be doubles.
      lease.check()
      return this.#options.send(batch.map(toMessage))
    }
    const fresh = rows.filter((row) => row.attempts === null)
    const again = rows.filter((row) => row.attempts !== null)
    if (again.length === 0 && (await this.#sendWhole(send, fresh))) {
      await this.#statements.finish(
        lease.token,
        rows.map((row) => row.position),
      )
      return
    }
    const outcome = await isolate(send, fresh, again)
    for (const { error } of outcome.refused) this.#report(error)
    await this.#statements.settle(lease.token, outcome, this.#delays)
  }

  /** @returns `false` when the batch is to be taken apart. */
  async #sendWhole(
    send: (batch: readonly Taken[]) => Promise<void>,
    batch: readonly Taken[],
  ): Promise<boolean> {
    try {
      await send(batch)
      this.#failures = 0
      return true
    } catch (error) {
      // Once is a hiccup of the transport; taken apart, its messages might reach it several times.
      if (++this.#failures < 2 && refusedBy(error) === null) throw error
      return false
    }
  }
}
