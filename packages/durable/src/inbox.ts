import { createHash } from 'node:crypto'
import { type PoolClient, transaction } from '@banyan/postgres'
import {
  checkMessage,
  MESSAGE_COLUMNS,
  MESSAGE_ROWS,
  messageArrays,
  type OutgoingMessage,
} from './messages.ts'
import { errorText } from './retry.ts'
import type { Tables } from './tables.ts'
import { wakeSql } from './waker.ts'

/** Does its work through `tx`, so that it commits with the record that the message was handled. */
export type Handler = (tx: PoolClient, message: OutgoingMessage) => Promise<void>

/**
 * What became of a message: handled now; handled or kept before; or kept, because it failed or one before
 * it did. Each time the transport may be told that it arrived.
 */
export type Receipt = 'handled' | 'duplicate' | 'waiting'

/** A pause between two statements of a handler that the server takes for a dead process, ms. */
const STILL_MS = 60_000
const FIRST_RETRY_MS = 100

/** Messages taken over from a transport: effects once, in order by key. */
export class Inbox {
  readonly #tables: Tables

  constructor(tables: Tables) {
    this.#tables = tables
  }

  /**
   * Runs the handler and records the message, in one transaction. A handler that throws leaves nothing
   * behind but the message, which waits here for an `InboxWorker`; later ones of its key wait behind it.
   *
   * @throws BAD_MESSAGE, or what the database answers: then the transport must deliver it again.
   */
  async receive(consumer: string, message: OutgoingMessage, handler: Handler): Promise<Receipt> {
    checkMessage(message)
    let failure: unknown
    try {
      return await this.#locked(consumer, message.key, async (tx) => {
        const { fresh, blocked } = await this.#record(tx, consumer, message)
        if (!fresh) return 'duplicate'
        if (blocked) {
          await this.#keep(tx, consumer, message)
          return 'waiting'
        }
        await handler(tx, message).catch((error: unknown) => {
          failure = error
          throw error
        })
        return 'handled'
      })
    } catch (error) {
      if (failure === undefined || error !== failure) throw error
    }
    return this.#locked(consumer, message.key, (tx) => this.#park(tx, consumer, message, failure))
  }

  /** Messages of one key never run at the same time, whoever received them. */
  #locked<T>(consumer: string, key: string, work: (tx: PoolClient) => Promise<T>): Promise<T> {
    return transaction(this.#tables.pool, work, beginLocked(this.#tables, consumer, [key]))
  }

  async #record(
    tx: PoolClient,
    consumer: string,
    message: OutgoingMessage,
  ): Promise<{ fresh: boolean; blocked: boolean }> {
    const { prefix } = this.#tables
    const { rows } = await tx.query<{ fresh: boolean; blocked: boolean }>(
      `WITH seen AS (
         INSERT INTO ${prefix}inbox_seen (consumer, id) VALUES ($1, $2)
         ON CONFLICT DO NOTHING RETURNING id
       )
       SELECT EXISTS (SELECT FROM seen) AS fresh, EXISTS (
         SELECT FROM ${prefix}inbox_key WHERE consumer = $1 AND key = $3) AS blocked`,
      [consumer, message.id, message.key],
    )
    return rows[0]!
  }

  async #keep(tx: PoolClient, consumer: string, message: OutgoingMessage): Promise<void> {
    await tx.query(
      `INSERT INTO ${this.#tables.prefix}inbox_waiting (consumer, ${MESSAGE_COLUMNS})
       SELECT $7, ${MESSAGE_COLUMNS} FROM ${MESSAGE_ROWS} ORDER BY n`,
      [...messageArrays([message]), consumer],
    )
  }

  async #park(
    tx: PoolClient,
    consumer: string,
    message: OutgoingMessage,
    failure: unknown,
  ): Promise<Receipt> {
    // Delivered again meanwhile, to another process, it may have been handled there.
    const { fresh } = await this.#record(tx, consumer, message)
    if (!fresh) return 'duplicate'
    await this.#keep(tx, consumer, message)
    await tx.query(
      `WITH blocked AS (
         INSERT INTO ${this.#tables.prefix}inbox_key (consumer, key, attempts, due_at, error)
         VALUES ($1, $2, 1, now() + $4 * interval '1 ms', $3) ON CONFLICT DO NOTHING
       ) ${wakeSql(this.#tables, 'inbox')}`,
      [consumer, message.key, errorText(failure), FIRST_RETRY_MS],
    )
    return 'waiting'
  }
}

/**
 * Begins a transaction that has these keys to itself. The locks are waited for in a statement of their
 * own: the next one must see what their former holder committed. A process that stops for longer than
 * `STILL_MS` in the middle loses its session, and with it locks and lease.
 */
function beginLocked(tables: Tables, consumer: string, keys: readonly string[]): string {
  const numbers = [...new Set(keys.map((key) => lockNumber(tables.schema, consumer, key)))]
  // Always in the same order, or two batches could wait for each other.
  const locks = numbers
    .sort((a, b) => (a < b ? -1 : 1))
    .map((number) => `SELECT pg_advisory_xact_lock(${number})`)
  return [
    'BEGIN ISOLATION LEVEL READ COMMITTED',
    `SET LOCAL idle_in_transaction_session_timeout = ${STILL_MS}`,
    ...locks,
  ].join('; ')
}

function lockNumber(...parts: string[]): bigint {
  return createHash('sha256').update(JSON.stringify(parts)).digest().readBigInt64BE()
}
