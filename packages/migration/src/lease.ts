import { createPool, type Pool } from '@banyan/postgres'
import { DeposedError } from './ledger.ts'

/**
 * How long an engine may act after its last renewal, ms. Another takes over within this time and one
 * `POLL_MS`, which must stay below the 10 s of handover.md ("No wedge") with recovery included.
 */
const LEASE_MS = 5_000
const RENEW_MS = 1_500

/**
 * An engine that is paused while it appends to the ledger holds the lease's row in a transaction that
 * nobody ends: the server does, after this long, ms, or no other engine could ever take over.
 */
const IDLE_IN_TRANSACTION_MS = 2_000

/** The sessions of one engine on the control database. */
export function controlPool(url: string, engine: string): Pool {
  return createPool(url, {
    name: `banyan control ${engine}`,
    max: 8,
    idleInTransactionMs: IDLE_IN_TRANSACTION_MS,
  })
}

/**
 * One engine at a time. The lease only keeps engines from getting in each other's way; what makes a
 * late one harmless is the token, which both databases check (handover.md, "Engine token").
 */
export class Lease {
  readonly #pool: Pool
  readonly #holder: string
  readonly #url: string | null

  /** @param url where the holder's control API answers, to be shown by others. */
  constructor(pool: Pool, holder: string, url: string | null = null) {
    this.#pool = pool
    this.#holder = holder
    this.#url = url
  }

  /** Begins a term when the lease is free or already ours; answers its token, null when another engine holds it. */
  async tryAcquire(): Promise<bigint | null> {
    const { rows } = await this.#pool.query<{ token: string }>(
      `UPDATE banyan_control.lease
          SET holder = $1, url = $3, token = issued + 1, issued = issued + 1, expires_at = clock_timestamp() + $2 * interval '1 ms'
        WHERE holder = $1 OR expires_at < clock_timestamp()
        RETURNING token`,
      [this.#holder, LEASE_MS, this.#url],
    )
    return rows[0] ? BigInt(rows[0].token) : null
  }

  /**
   * A token for one extraction, above every one given out so far: it is taken up, or has lost a reply.
   *
   * @param above a token found in a database; the new one is higher (a control database restored from a
   *   backup counts from too low).
   * @throws DeposedError when the term is over.
   */
  async issue(term: bigint, above = 0n): Promise<bigint> {
    const { rows } = await this.#pool.query<{ issued: string }>(
      `UPDATE banyan_control.lease SET issued = greatest(issued, $3::bigint) + 1
        WHERE holder = $1 AND token = $2 RETURNING issued`,
      [this.#holder, term.toString(), above.toString()],
    )
    if (!rows[0]) throw new DeposedError(term)
    return BigInt(rows[0].issued)
  }

  /** Renews until aborted. Rejects with DeposedError when the lease is another's, or could not be renewed in time. */
  async keep(token: bigint, signal: AbortSignal): Promise<void> {
    let renewedAt = Date.now()
    while (!signal.aborted) {
      const sentAt = Date.now()
      const renewed = await this.#renew(token).catch(() => null)
      if (renewed === false) throw new DeposedError(token)
      if (renewed) renewedAt = sentAt
      if (Date.now() - renewedAt > LEASE_MS) throw new DeposedError(token)
      await sleep(renewed ? RENEW_MS : 200, signal)
    }
  }

  /** Gives the lease up, so that another engine need not wait for its end. */
  async release(token: bigint): Promise<void> {
    await this.#pool.query(
      `UPDATE banyan_control.lease SET expires_at = '-infinity', holder = NULL WHERE holder = $1 AND token = $2`,
      [this.#holder, token.toString()],
    )
  }

  async #renew(token: bigint): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      `UPDATE banyan_control.lease SET expires_at = clock_timestamp() + $3 * interval '1 ms'
        WHERE holder = $1 AND token = $2`,
      [this.#holder, token.toString(), LEASE_MS],
    )
    return rowCount === 1
  }
}

/** Waits; ends early, without an error, when the signal aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}
