import { BanyanError } from '@banyan/contracts'
import type { Queryable } from '@banyan/postgres'
import type { Tables } from './tables.ts'

/** A table whose rows are claimed: it has the columns `token` (bigint) and `leased_until` (timestamptz). */
export interface Claimable {
  /** Without the schema. */
  readonly table: string
  /** Condition, in SQL, for a row to have work; the lease is looked after here. */
  readonly ready: string
  /** Who comes first, in SQL. */
  readonly order: string
  /** What else a claim sets, in SQL: `attempts = attempts + 1`. */
  readonly set?: string
  /** What is answered of the row `t`, in SQL, `t.token` among it; all its columns when left out. */
  readonly returning?: string
}

export interface Claim<Row> {
  /** Every later write about these rows must match it. Higher than that of every claim before. */
  readonly token: string
  readonly rows: readonly Row[]
}

/**
 * A statement that takes up to $1 rows that nobody holds, for $2 ms; more conditions may use $3 and on.
 * Rows that another transaction is taking are passed over, not waited for.
 */
export function claimSql(tables: Tables, claimable: Claimable): string {
  const { prefix } = tables
  const set = claimable.set ? `, ${claimable.set}` : ''
  // As an array: joined, a table of some ten thousand rows would be read whole for each claim.
  return `
    WITH free AS (
      SELECT ctid AS place FROM ${prefix}${claimable.table}
      WHERE leased_until <= clock_timestamp() AND (${claimable.ready})
      ORDER BY ${claimable.order} LIMIT $1 FOR UPDATE SKIP LOCKED
    )
    UPDATE ${prefix}${claimable.table} t
    SET token = (SELECT nextval('${prefix}lease_token')),
      leased_until = clock_timestamp() + $2 * interval '1 ms'${set}
    WHERE t.ctid = ANY (ARRAY(SELECT place FROM free))
    RETURNING ${claimable.returning ?? 't.*'}`
}

/** Takes rows; `null` when there is nothing to take. */
export async function claim<Row extends { token: string }>(
  db: Queryable,
  statement: string,
  limit: number,
  leaseMs: number,
  more: readonly unknown[] = [],
): Promise<Claim<Row> | null> {
  const { rows } = await db.query<Row>(statement, [limit, leaseMs, ...more])
  return rows.length === 0 ? null : { token: rows[0]!.token, rows }
}

/** A claim that is being worked on: renewed every third of its length until it is let go. */
export class Lease {
  readonly token: string
  readonly #renew: () => Promise<void>
  readonly #lost = new AbortController()
  readonly #leaseMs: number
  readonly #timer: NodeJS.Timeout
  #deadline: number

  /** `takenAt`: `performance.now()` before the claim was sent, so that our clock gives up first. */
  constructor(tables: Tables, table: string, token: string, leaseMs: number, takenAt: number) {
    this.token = token
    this.#leaseMs = leaseMs
    this.#deadline = takenAt + leaseMs
    this.#renew = async () => {
      const sentAt = performance.now()
      const { rowCount } = await tables.pool.query(
        `UPDATE ${tables.prefix}${table} SET leased_until = clock_timestamp() + $2 * interval '1 ms'
         WHERE token = $1 AND leased_until > clock_timestamp()`,
        [token, leaseMs],
      )
      if (rowCount === 0) this.#lost.abort(new BanyanError('CLAIM_LOST', { token }))
      else this.#deadline = sentAt + this.#leaseMs
    }
    // A renewal that fails is tried again by the next one; two fail before the lease is over.
    this.#timer = setInterval(() => void this.#renew().catch(() => {}), leaseMs / 3)
    this.#timer.unref()
  }

  /** Aborts when another runner has taken the work over. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /**
   * To be asked before something leaves the database's reach.
   * @throws CLAIM_LOST when the lease is over, or another runner has the work.
   */
  check(): void {
    this.#lost.signal.throwIfAborted()
    if (performance.now() >= this.#deadline) {
      throw new BanyanError('CLAIM_LOST', { token: this.token })
    }
  }

  /** Ends the renewals. The row itself is let go by the statement that finishes the work. */
  end(): void {
    clearInterval(this.#timer)
  }
}
