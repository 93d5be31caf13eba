import { BanyanError } from '@banyan/contracts'
import { type PoolClient, transaction } from '@banyan/postgres'
import { claim, claimSql, Lease } from './claim.ts'
import type { Durable } from './durable.ts'
import { beginLocked, bury, type Handler } from './inbox.ts'
import type { DueSql } from './lookout.ts'
import { Loop } from './loop.ts'
import { type MessageRow, toMessage } from './messages.ts'
import { errorText, Unprocessable } from './retry.ts'

export interface InboxWorkerOptions {
  readonly durable: Durable
  /** By consumer; what waits for others is left alone. */
  readonly handlers: Readonly<Record<string, Handler>>
  /** Keys worked on at once; 4 by default. */
  readonly concurrency?: number
  /** After this long, ms, without a sign of life another worker takes over; 30,000 by default. */
  readonly leaseMs?: number
  /** Looks at least this often, ms, for what no notification announced; 500 by default. */
  readonly pollMs?: number
  /** Told of each attempt that failed. */
  readonly onProblem?: (error: Error) => void
}

/** A key that waits, claimed. */
interface Waiting {
  readonly consumer: string
  readonly key: string
  readonly token: string
  /** That of its oldest message which is made now, from 1. */
  readonly attempts: number
}

const FORGET_EVERY_MS = 600_000

/** Tries again what failed in the inbox, and then what queued up behind it. */
export class InboxWorker {
  readonly #options: InboxWorkerOptions
  readonly #claim: string
  readonly #loop: Loop
  #forgotAt = Number.NEGATIVE_INFINITY

  constructor(options: InboxWorkerOptions) {
    const { durable, pollMs = 500, onProblem = () => {} } = options
    this.#options = options
    this.#claim = claimSql(durable, {
      table: 'inbox_key',
      ready: 'consumer = ANY ($3) AND due_at <= clock_timestamp()',
      order: 'due_at',
      // Counted before it is made: a message that kills its process is given up in the end, too.
      set: 'attempts = attempts + 1',
    })
    this.#loop = new Loop({
      durable,
      topic: 'inbox',
      pollMs,
      onProblem,
      pass: async () => {
        await this.#forget()
        return this.pass()
      },
      due: this.#handlesAny ? this.#due : null,
      timed: true,
      choreInMs: () => this.#forgotAt + FORGET_EVERY_MS - performance.now(),
    })
  }

  start(): void {
    this.#loop.start()
  }

  /** Lets the handlers that run finish, then ends. */
  async stop(): Promise<void> {
    await this.#loop.stop()
  }

  /** Works on the keys that are due. @returns whether there were any. */
  async pass(): Promise<boolean> {
    if (!this.#handlesAny) return false
    const { durable, handlers, concurrency = 4, leaseMs = 30_000 } = this.#options
    const takenAt = performance.now()
    const taken = await claim<Waiting>(durable.pool, this.#claim, concurrency, leaseMs, [
      Object.keys(handlers),
    ])
    if (taken === null) return false
    const lease = new Lease(durable, 'inbox_key', taken.token, leaseMs, takenAt)
    try {
      const ended = await Promise.allSettled(taken.rows.map((key) => this.#work(lease, key)))
      for (const one of ended) if (one.status === 'rejected') throw one.reason
    } finally {
      lease.end()
    }
    return true
  }

  /** Message by message, until none of the key waits or one fails. */
  async #work(lease: Lease, key: Waiting): Promise<void> {
    for (let attempts = key.attempts; ; attempts = 1) {
      lease.check()
      let handled: MessageRow | undefined
      try {
        const more = await this.#locked(key, async (tx) => {
          const head = await this.#head(tx, key)
          if (head) {
            handled = head
            await this.#options.handlers[key.consumer]!(tx, toMessage(head))
            await this.#remove(tx, head)
          }
          return this.#goOn(tx, key)
        })
        if (!more) return
      } catch (error) {
        if (!handled || (error instanceof BanyanError && error.code === 'CLAIM_LOST')) throw error
        this.#options.onProblem?.(error as Error)
        const failed = { head: handled, attempts, error }
        if (!(await this.#locked(key, (tx) => this.#failed(tx, key, failed)))) return
      }
    }
  }

  #locked<T>(key: Waiting, work: (tx: PoolClient) => Promise<T>): Promise<T> {
    const { durable } = this.#options
    return transaction(durable.pool, work, beginLocked(durable, key.consumer, [key.key]))
  }

  async #head(tx: PoolClient, { consumer, key }: Waiting): Promise<MessageRow | undefined> {
    const { rows } = await tx.query<MessageRow>(
      `SELECT * FROM ${this.#options.durable.prefix}inbox_waiting
       WHERE consumer = $1 AND key = $2 ORDER BY position LIMIT 1`,
      [consumer, key],
    )
    return rows[0]
  }

  async #remove(tx: PoolClient, head: MessageRow): Promise<void> {
    await tx.query(`DELETE FROM ${this.#options.durable.prefix}inbox_waiting WHERE position = $1`, [
      head.position,
    ])
  }

  /**
   * Begins the first attempt of the key's next message, or frees the key when none waits.
   * @throws CLAIM_LOST, which undoes the transaction: another worker has the key.
   */
  async #goOn(tx: PoolClient, { consumer, key, token }: Waiting): Promise<boolean> {
    const { prefix } = this.#options.durable
    const values = [consumer, key, token]
    const freed = await tx.query(
      `DELETE FROM ${prefix}inbox_key k WHERE consumer = $1 AND key = $2 AND token = $3
         AND NOT EXISTS (SELECT FROM ${prefix}inbox_waiting WHERE consumer = $1 AND key = $2)`,
      values,
    )
    if (freed.rowCount === 1) return false
    const held = await tx.query(
      `UPDATE ${prefix}inbox_key SET attempts = 1
       WHERE consumer = $1 AND key = $2 AND token = $3`,
      values,
    )
    if (held.rowCount === 0) throw new BanyanError('CLAIM_LOST', { token })
    return true
  }

  /** @returns whether there is something else to do for the key now. */
  async #failed(
    tx: PoolClient,
    key: Waiting,
    { head, attempts, error }: { head: MessageRow; attempts: number; error: unknown },
  ): Promise<boolean> {
    const { durable } = this.#options
    const delay = durable.inbox.retryDelaysMs[attempts - 1]
    if (delay === undefined || error instanceof Unprocessable) {
      await bury(tx, durable, key.consumer, head, errorText(error), attempts)
      return this.#goOn(tx, key)
    }
    const { rowCount } = await tx.query(
      `UPDATE ${durable.prefix}inbox_key SET leased_until = '-infinity', error = $4,
         due_at = clock_timestamp() + $5 * interval '1 ms'
       WHERE consumer = $1 AND key = $2 AND token = $3`,
      [key.consumer, key.key, key.token, errorText(error), delay],
    )
    if (rowCount === 0) throw new BanyanError('CLAIM_LOST', { token: key.token })
    return false
  }

  /** Until the next attempt at what failed. */
  readonly #due: DueSql = (value) => {
    const { durable, handlers } = this.#options
    return `SELECT extract(epoch FROM min(greatest(due_at, leased_until)) - clock_timestamp()) * 1000
      FROM ${durable.prefix}inbox_key WHERE consumer = ANY (${value(Object.keys(handlers))})`
  }

  get #handlesAny(): boolean {
    return Object.keys(this.#options.handlers).length > 0
  }

  async #forget(): Promise<void> {
    if (performance.now() - this.#forgotAt < FORGET_EVERY_MS) return
    this.#forgotAt = performance.now()
    await this.#options.durable.inbox.forget()
  }
}
