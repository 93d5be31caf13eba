import { type Queryable, withCommit } from '@banyan/postgres'
import {
  checkMessage,
  MESSAGE_COLUMNS,
  MESSAGE_ROWS,
  messageArrays,
  type OutgoingMessage,
} from './messages.ts'
import type { Tables } from './tables.ts'
import { wakeSql } from './waker.ts'

/** What stands in the outbox now. */
export interface OutboxDepth {
  readonly messages: number
  /** Age of the oldest, ms; 0 when there is none. */
  readonly oldestMs: number
  /** Keys that wait behind a message the transport refuses. */
  readonly refusedKeys: number
}

/** Messages that leave with the business change they tell of, or not at all. */
export class Outbox {
  readonly #tables: Tables
  readonly #write: string

  constructor(tables: Tables) {
    this.#tables = tables
    this.#write = `
      WITH written AS (
        INSERT INTO ${tables.prefix}outbox (${MESSAGE_COLUMNS})
        SELECT ${MESSAGE_COLUMNS} FROM ${MESSAGE_ROWS} ORDER BY n
      ) ${wakeSql(tables, 'outbox')}`
  }

  /**
   * Writes messages in the caller's transaction: `tx` is the client that holds it. They are sent in this
   * order, and after everything of their key that was committed before. Where nothing else follows in the
   * transaction, they are written with its COMMIT (`withCommit`).
   *
   * @throws BAD_MESSAGE; nothing is written then.
   */
  async write(tx: Queryable, messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return
    for (const message of messages) checkMessage(message)
    await withCommit(tx, this.#write, messageArrays(messages))
  }

  /** For metrics; counts the rows, so ask it every few seconds, not at every request. */
  async depth(): Promise<OutboxDepth> {
    const { pool, prefix } = this.#tables
    const { rows } = await pool.query<{ messages: number; oldest: number; refused: number }>(`
      SELECT count(*)::float8 AS messages,
        coalesce(extract(epoch FROM now() - min(written_at)) * 1000, 0)::float8 AS oldest,
        (SELECT count(*) FROM ${prefix}outbox_refused)::float8 AS refused
      FROM ${prefix}outbox`)
    const { messages, oldest, refused } = rows[0]!
    return { messages, oldestMs: Math.max(0, oldest), refusedKeys: refused }
  }
}
