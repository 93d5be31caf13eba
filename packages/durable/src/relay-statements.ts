import { type Queryable, transaction } from '@banyan/postgres'
import type { Outcome } from './isolate.ts'
import { MESSAGE_COLUMNS, type MessageRow } from './messages.ts'
import { errorText } from './retry.ts'
import type { Tables } from './tables.ts'

/** As many as rows of outbox_lane. */
const LANES = 32
/** Bytes at most in a batch as they stand in the table: what a relay holds in memory is bounded. */
const BATCH_BYTES = 8 * 2 ** 20
/** Of fewer messages than these it is worth looking whose lanes they are. */
export const FEW = 50

/** The statements of a relay: one takes a batch, one finishes it. */
export class RelayStatements {
  readonly #tables: Tables
  readonly take: string
  /** 0 when anything stands in the outbox: by position, as in `take`. */
  readonly due: string
  readonly #finish: string

  constructor(tables: Tables, concurrency: number) {
    const { prefix } = tables
    this.#tables = tables
    const lane = laneSql('key')
    // By ctid, as in `claimSql`: a lane that another relay has had since this statement began is taken with the next. By
    // its number PostgreSQL would evaluate the whole row anew, the sequence too: a lane with another token is not let go.
    // Where little is to be sent, its own lanes alone: each lane that is claimed is a row written twice. By position, since
    // an index is soon rid of rows that were deleted, and the table itself when it is vacuumed.
    this.take = `
      WITH few AS MATERIALIZED (
        SELECT ${lane} AS lane FROM ${prefix}outbox ORDER BY position LIMIT ${FEW}
      ), free AS (
        SELECT ctid AS place FROM ${prefix}outbox_lane
        WHERE leased_until <= clock_timestamp()
          AND (lane IN (SELECT lane FROM few) OR (SELECT count(*) FROM few) = ${FEW})
        ORDER BY served_at LIMIT ${Math.ceil(LANES / concurrency)} FOR UPDATE SKIP LOCKED
      ), taken AS (
        UPDATE ${prefix}outbox_lane t SET token = (SELECT nextval('${prefix}lease_token')),
          leased_until = clock_timestamp() + $2 * interval '1 ms', served_at = clock_timestamp()
        FROM free WHERE t.ctid = free.place RETURNING lane, token
      )
      SELECT token, position, attempts, ${MESSAGE_COLUMNS}
      FROM (SELECT max(token) AS token FROM taken) claimed LEFT JOIN (
        SELECT o.*, r.attempts,
          sum(pg_column_size(o.payload)) OVER (ORDER BY o.position) - pg_column_size(o.payload) AS before
        FROM ${prefix}outbox o LEFT JOIN ${prefix}outbox_refused r USING (key)
        WHERE ${lane} IN (SELECT lane FROM taken)
          AND (r.key IS NULL OR (r.position = o.position AND r.retry_at <= clock_timestamp()))
        ORDER BY o.position LIMIT $1
      ) batch ON before < ${BATCH_BYTES} WHERE token IS NOT NULL ORDER BY position`
    this.due = `SELECT 0 FROM ${prefix}outbox ORDER BY position LIMIT 1`
    this.#finish = `
      WITH held AS (
        UPDATE ${prefix}outbox_lane SET leased_until = '-infinity',
          sent_at = CASE WHEN cardinality($2::bigint[]) > 0 THEN clock_timestamp() ELSE sent_at END
        WHERE token = $1 RETURNING lane
      )
      DELETE FROM ${prefix}outbox
      WHERE position = ANY ($2::bigint[]) AND ${lane} IN (SELECT lane FROM held)`
  }

  /** Deletes what was sent, as far as the lanes are still ours, and lets the lanes go. */
  async finish(token: string, positions: readonly string[]): Promise<void> {
    await this.#tables.pool.query(this.#finish, [token, positions])
  }

  /** Lets the lanes go; nothing was sent. */
  async release(token: string): Promise<void> {
    await this.finish(token, [])
  }

  /** Deletes what was sent; what was refused waits for its next attempt, or is a dead letter. */
  async settle(
    token: string,
    { sent, refused }: Outcome<MessageRow>,
    delays: readonly number[],
  ): Promise<void> {
    const { pool, prefix } = this.#tables
    const positions = sent.map((row) => row.position)
    await transaction(pool, async (tx) => {
      await tx.query(this.#finish, [token, positions])
      await tx.query(`DELETE FROM ${prefix}outbox_refused WHERE position = ANY ($1::bigint[])`, [
        positions,
      ])
      for (const { row, error, certain } of refused) {
        const attempts = await this.#countAttempt(tx, token, row, errorText(error), certain)
        if (attempts === undefined) continue
        if (attempts > delays.length) await this.#bury(tx, row.position)
        else await this.#delay(tx, row.position, delays[Math.max(0, attempts - 1)]!)
      }
    })
  }

  /** @returns how many there were; `undefined` when another relay has the key by now. */
  async #countAttempt(
    tx: Queryable,
    token: string,
    row: MessageRow,
    error: string,
    certain: boolean,
  ): Promise<number | undefined> {
    const { prefix } = this.#tables
    // An attempt counts only where the transport took something since the one before: one that is down
    // must not make dead letters.
    const { rows } = await tx.query<{ attempts: number }>(
      `INSERT INTO ${prefix}outbox_refused AS r (key, position, attempts, failed_at, retry_at, error)
       SELECT key, position, 1, clock_timestamp(), now(), $3 FROM ${prefix}outbox
       WHERE position = $2 AND ${laneSql('key')} IN (
         SELECT lane FROM ${prefix}outbox_lane WHERE token = $1)
       ON CONFLICT (key) DO UPDATE SET failed_at = clock_timestamp(), error = excluded.error,
         attempts = r.attempts + CASE WHEN $4 OR EXISTS (
           SELECT FROM ${prefix}outbox_lane WHERE sent_at > r.failed_at) THEN 1 ELSE 0 END
       RETURNING attempts`,
      [token, row.position, error, certain],
    )
    return rows[0]?.attempts
  }

  async #delay(tx: Queryable, position: string, ms: number): Promise<void> {
    await tx.query(
      `UPDATE ${this.#tables.prefix}outbox_refused
       SET retry_at = clock_timestamp() + $2 * interval '1 ms' WHERE position = $1`,
      [position, ms],
    )
  }

  async #bury(tx: Queryable, position: string): Promise<void> {
    const { prefix } = this.#tables
    await tx.query(
      `WITH refused AS (
         DELETE FROM ${prefix}outbox_refused WHERE position = $1 RETURNING error, attempts
       ), gone AS (
         DELETE FROM ${prefix}outbox WHERE position = $1 RETURNING *
       )
       INSERT INTO ${prefix}dead_letter (kind, source, subject, key, body, error, attempts)
       SELECT 'outgoing', 'outbox', type, key, row_to_json(gone), error, attempts FROM gone, refused`,
      [position],
    )
  }
}

/** The lane of a key; hashtextextended gives the same in every version of PostgreSQL. */
function laneSql(key: string): string {
  return `(hashtextextended(${key}, 0) & ${LANES - 1})`
}
