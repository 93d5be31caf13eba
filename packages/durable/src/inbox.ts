import { createHash } from 'node:crypto'
import { type PoolClient, transaction } from '@banyan/postgres'
import {
  checkMessage,
  MESSAGE_COLUMNS,
  MESSAGE_ROWS,
  messageArrays,
  type OutgoingMessage,
} from './messages.ts'
import { errorText, RETRY_DELAYS_MS, Unprocessable } from './retry.ts'
import type { Tables } from './tables.ts'
import { wakeSql } from './waker.ts'

/** Does its work through `tx`, so that it commits with the record that the message was handled. */
export type Handler = (tx: PoolClient, message: OutgoingMessage) => Promise<void>

/** A `Handler` for all of a batch, in its order. */
export type BatchHandler = (tx: PoolClient, messages: readonly OutgoingMessage[]) => Promise<void>

/** The batch, message by message. */
export function oneByOne(handler: Handler): BatchHandler {
  return async (tx, messages) => {
    for (const message of messages) await handler(tx, message)
  }
}

/**
 * What became of a message: handled now; handled or kept before; kept to be tried again, because it or
 * one before it failed; or a dead letter. Each time the transport may be told that it arrived.
 */
export type Receipt = 'handled' | 'duplicate' | 'waiting' | 'dead'

export interface InboxOptions {
  /** Pauses, ms, before a message that failed is tried again; after the last one it is a dead letter. */
  readonly retryDelaysMs?: readonly number[]
  /** How long it is known that a message was here, ms; 7 days by default. Longer than any transport delivers again. */
  readonly rememberMs?: number
}

/** What waits for one consumer. */
export interface InboxDepth {
  readonly messages: number
  /** Since what the oldest of them tells of happened. */
  readonly oldestMs: number
}

/** A pause between two statements of a handler that the server takes for a dead process, ms. */
const STILL_MS = 60_000
const WEEK_MS = 7 * 24 * 3_600_000
/** Rows that one statement forgets: it must not hold up others. */
const FORGET_ROWS = 10_000

/** Messages taken over from a transport: effects once, in order by key. */
export class Inbox {
  readonly retryDelaysMs: readonly number[]
  readonly #tables: Tables
  readonly #rememberMs: number
  readonly #record: string

  constructor(tables: Tables, options: InboxOptions = {}) {
    this.#tables = tables
    this.retryDelaysMs = options.retryDelaysMs ?? RETRY_DELAYS_MS
    this.#rememberMs = options.rememberMs ?? WEEK_MS
    const { prefix } = tables
    this.#record = `
      WITH seen AS (
        INSERT INTO ${prefix}inbox_seen (consumer, id) SELECT $1, unnest($2::uuid[])
        ON CONFLICT DO NOTHING RETURNING id::text
      )
      SELECT ARRAY(SELECT id FROM seen) AS fresh, ARRAY(
        SELECT key FROM ${prefix}inbox_key WHERE consumer = $1 AND key = ANY ($3::text[])) AS blocked`
  }

  /**
   * Runs the handler and records the message, in one transaction. A handler that throws leaves nothing
   * behind but the message, which waits here for an `InboxWorker`; later ones of its key wait behind it.
   * One that throws `Unprocessable` makes a dead letter at once.
   *
   * @throws BAD_MESSAGE, or what the database answers: then the transport must deliver it again.
   */
  receive(consumer: string, message: OutgoingMessage, handler: Handler): Promise<Receipt> {
    return this.#receive(consumer, message, oneByOne(handler))
  }

  async #receive(
    consumer: string,
    message: OutgoingMessage,
    handler: BatchHandler,
  ): Promise<Receipt> {
    const outcome = await this.#takeOver(consumer, [message], handler)
    if (!('failure' in outcome)) return outcome.receipts[0]!
    return this.#locked(consumer, [message], (tx) =>
      this.#keepFailed(tx, consumer, message, outcome.failure),
    )
  }

  /**
   * `receive` for many in one transaction: as many messages cost one commit. When a handler throws, all
   * are undone and received one by one.
   *
   * @throws as `receive`; some may have been received by then, and are duplicates the next time.
   */
  async receiveBatch(
    consumer: string,
    messages: readonly OutgoingMessage[],
    handler: BatchHandler,
  ): Promise<Receipt[]> {
    if (messages.length === 0) return []
    if (messages.length > 1) {
      const outcome = await this.#takeOver(consumer, messages, handler)
      if (!('failure' in outcome)) return outcome.receipts
    }
    const receipts: Receipt[] = []
    for (const message of messages) receipts.push(await this.#receive(consumer, message, handler))
    return receipts
  }

  /** What waits for another attempt, or behind a message that does, by consumer; for metrics. */
  async waiting(): Promise<Map<string, InboxDepth>> {
    const { rows } = await this.#tables.pool.query<{ consumer: string } & InboxDepth>(
      `SELECT consumer, count(*)::float8 AS messages,
         greatest(0, extract(epoch FROM now() - min(occurred_at)) * 1000)::float8 AS "oldestMs"
       FROM ${this.#tables.prefix}inbox_waiting GROUP BY consumer`,
    )
    return new Map(rows.map(({ consumer, ...depth }) => [consumer, depth]))
  }

  /** Forgets messages seen longer ago than `rememberMs`. @returns how many. */
  async forget(): Promise<number> {
    const { pool, prefix } = this.#tables
    for (let total = 0; ; ) {
      const { rowCount } = await pool.query(
        `DELETE FROM ${prefix}inbox_seen WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM ${prefix}inbox_seen
           WHERE seen_at < now() - $1 * interval '1 ms' LIMIT ${FORGET_ROWS}))`,
        [this.#rememberMs],
      )
      total += rowCount ?? 0
      if ((rowCount ?? 0) < FORGET_ROWS) return total
    }
  }

  async #takeOver(
    consumer: string,
    messages: readonly OutgoingMessage[],
    handler: BatchHandler,
  ): Promise<{ receipts: Receipt[] } | { failure: unknown }> {
    for (const message of messages) checkMessage(message)
    let handling = false
    try {
      return await this.#locked(consumer, messages, async (tx) => {
        const { fresh, blocked } = await this.#see(tx, consumer, messages)
        const waiting: OutgoingMessage[] = []
        const ready: OutgoingMessage[] = []
        const receipts: Receipt[] = []
        for (const message of messages) {
          if (!fresh.delete(message.id.toLowerCase())) receipts.push('duplicate')
          else if (blocked.has(message.key)) {
            waiting.push(message)
            receipts.push('waiting')
          } else {
            ready.push(message)
            receipts.push('handled')
          }
        }
        handling = ready.length > 0
        if (handling) await handler(tx, ready)
        if (waiting.length > 0) await this.#keep(tx, consumer, waiting)
        return { receipts }
      })
    } catch (error) {
      if (!handling) throw error
      // Also when the commit fails: of a deferred constraint, or with its answer lost. Whether it was
      // done after all shows when the message is kept.
      return { failure: error }
    }
  }

  /** Messages of one key never run at the same time, whoever received them. */
  #locked<T>(
    consumer: string,
    messages: readonly OutgoingMessage[],
    work: (tx: PoolClient) => Promise<T>,
  ): Promise<T> {
    const keys = messages.map((message) => message.key)
    return transaction(this.#tables.pool, work, beginLocked(this.#tables, consumer, keys))
  }

  async #see(
    tx: PoolClient,
    consumer: string,
    messages: readonly OutgoingMessage[],
  ): Promise<{ fresh: Set<string>; blocked: ReadonlySet<string> }> {
    const { rows } = await tx.query<{ fresh: string[]; blocked: string[] }>(this.#record, [
      consumer,
      messages.map((message) => message.id),
      messages.map((message) => message.key),
    ])
    return { fresh: new Set(rows[0]!.fresh), blocked: new Set(rows[0]!.blocked) }
  }

  async #keep(
    tx: PoolClient,
    consumer: string,
    messages: readonly OutgoingMessage[],
  ): Promise<void> {
    await tx.query(
      `INSERT INTO ${this.#tables.prefix}inbox_waiting (consumer, ${MESSAGE_COLUMNS})
       SELECT $7, ${MESSAGE_COLUMNS} FROM ${MESSAGE_ROWS} ORDER BY n`,
      [...messageArrays(messages), consumer],
    )
  }

  async #keepFailed(
    tx: PoolClient,
    consumer: string,
    message: OutgoingMessage,
    failure: unknown,
  ): Promise<Receipt> {
    // Delivered again meanwhile, to another process, it may have been handled there.
    const { fresh, blocked } = await this.#see(tx, consumer, [message])
    if (fresh.size === 0) return 'duplicate'
    await this.#keep(tx, consumer, [message])
    if (blocked.has(message.key)) return 'waiting'
    const [delay] = this.retryDelaysMs
    if (delay === undefined || failure instanceof Unprocessable) {
      await bury(tx, this.#tables, consumer, message, errorText(failure), 1)
      return 'dead'
    }
    await tx.query(
      `WITH blocked AS (
         INSERT INTO ${this.#tables.prefix}inbox_key (consumer, key, attempts, due_at, error)
         VALUES ($1, $2, 1, clock_timestamp() + $4 * interval '1 ms', $3)
       ) ${wakeSql(this.#tables, 'inbox')}`,
      [consumer, message.key, errorText(failure), delay],
    )
    return 'waiting'
  }
}

/** Makes a dead letter of a message that waits. */
export async function bury(
  tx: PoolClient,
  { prefix }: Tables,
  consumer: string,
  message: Pick<OutgoingMessage, 'id' | 'key'>,
  error: string,
  attempts: number,
): Promise<void> {
  await tx.query(
    `WITH dead AS (
       DELETE FROM ${prefix}inbox_waiting WHERE consumer = $1 AND key = $2 AND id = $5
       RETURNING *
     )
     INSERT INTO ${prefix}dead_letter (kind, source, subject, key, body, error, attempts)
     SELECT 'event', consumer, type, key, row_to_json(dead), $3, $4 FROM dead`,
    [consumer, message.key, error, attempts, message.id],
  )
}

/**
 * Begins a transaction that has these keys to itself. The locks are waited for in a statement of their
 * own: the next one must see what their former holder committed. A process that stops for longer than
 * `STILL_MS` in the middle loses its session, and with it locks and lease.
 */
export function beginLocked(tables: Tables, consumer: string, keys: readonly string[]): string {
  return [
    'BEGIN ISOLATION LEVEL READ COMMITTED',
    `SET LOCAL idle_in_transaction_session_timeout = ${STILL_MS}`,
    lockKeys(tables, consumer, keys),
  ].join('; ')
}

/** Whoever adds to, or takes from, what waits of a key holds its lock until the end of the transaction. */
export function lockKeys(tables: Tables, consumer: string, keys: readonly string[]): string {
  const numbers = [...new Set(keys)].map((key) =>
    createHash('sha256')
      .update(JSON.stringify([tables.schema, consumer, key]))
      .digest()
      .readBigInt64BE(),
  )
  // Always in the same order, or two batches could wait for each other.
  numbers.sort((a, b) => (a < b ? -1 : 1))
  return `SELECT pg_advisory_xact_lock(number) FROM unnest('{${numbers.join()}}'::bigint[]) number`
}
