import { eq, sql } from 'drizzle-orm'
import type { Database } from '../db/connect.ts'
import { rootCause } from '../db/failures.ts'
import { wishlistReorders } from '../db/schema.ts'
import { applyStored } from './reorder.ts'

/** How often due orders are looked for, ms. */
const INTERVAL_MS = 100
/**
 * One user's failure must not hold up the others: a user whose order could not be applied is left
 * alone until an order is overdue by this, ms, doubled with each failure up to the limit.
 */
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 4_000
/** More failing users than this and the worker pauses as a whole instead of remembering each. */
const MOST_FAILING = 10_000
/** A user without a failure for this long is remembered no longer, ms. */
const REMEMBER_MS = 60_000
/** The same trouble is not written to the log more often than this, ms. */
const LOG_EVERY_MS = 60_000

interface Failure {
  readonly waitMs: number
  readonly at: number
}

/** Applies debounced orders when they are due. Several instances may run on one database. */
export class ReorderWorker {
  readonly #db: Database
  readonly #failing = new Map<string, Failure>()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #stopped = false
  #loggedAt = Number.NEGATIVE_INFINITY

  constructor(db: Database) {
    this.#db = db
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#round().finally(() => {
        if (!this.#stopped) this.start()
      })
    }, INTERVAL_MS)
  }

  /** Waits for the order being applied now, if any. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  async #round(): Promise<void> {
    try {
      while (!this.#stopped && this.#failing.size < MOST_FAILING && (await this.#applyOne())) {}
    } catch (error) {
      this.#report(error)
    }
    const over = performance.now() - REMEMBER_MS
    for (const [user, { at }] of this.#failing) if (at < over) this.#failing.delete(user)
  }

  /** Applies one due order; answers false when there is none. */
  async #applyOne(): Promise<boolean> {
    const users = [...this.#failing.keys()]
    const waits = users.map((user) => this.#waitOf(user))
    let user: string | undefined
    try {
      await this.#db.transaction(async (tx) => {
        const { rows } = await tx.execute<{ user_id: string; item_ids: string[] }>(sql`
          SELECT user_id, item_ids FROM wishlist_reorders AS pending
           WHERE due_at <= now() AND NOT EXISTS (
             SELECT FROM unnest(${sql.param(users)}::text[], ${sql.param(waits)}::int[]) AS failing (id, wait)
              WHERE failing.id = pending.user_id
                AND pending.due_at > now() - failing.wait * interval '1 millisecond')
           ORDER BY due_at LIMIT 1 FOR UPDATE OF pending SKIP LOCKED`)
        user = rows[0]?.user_id
        if (user === undefined) return
        await applyStored(tx, user, rows[0]!.item_ids)
        await tx.delete(wishlistReorders).where(eq(wishlistReorders.userId, user))
      })
      if (user !== undefined) this.#failing.delete(user)
    } catch (error) {
      if (user === undefined) throw error
      this.#report(error)
      const waitMs = (this.#failing.get(user)?.waitMs ?? FIRST_WAIT_MS / 2) * 2
      const at = performance.now()
      this.#failing.set(user, { waitMs: Math.min(waitMs, LONGEST_WAIT_MS), at })
    }
    return user !== undefined
  }

  /** How far an order of this user must be overdue to be tried, ms; one that has just failed is not. */
  #waitOf(user: string): number {
    const { waitMs, at } = this.#failing.get(user)!
    return performance.now() - at < waitMs ? 2_147_483_647 : waitMs
  }

  #report(error: unknown): void {
    if (performance.now() - this.#loggedAt < LOG_EVERY_MS) return
    this.#loggedAt = performance.now()
    const cause = rootCause(error)
    const message = cause instanceof Error ? cause.message : String(cause)
    console.error(JSON.stringify({ level: 'error', what: 'debounced reorder', message }))
  }
}
