import { eq, sql } from 'drizzle-orm'
import type { Database } from '../db/connect.ts'
import { rootCause } from '../db/failures.ts'
import { wishlistReorders } from '../db/schema.ts'
import { applyStored } from './reorder.ts'

/** How often due orders are looked for, ms. */
const INTERVAL_MS = 100
/** An order that failed is left alone this long at first, doubled with each failure up to the limit, ms. */
const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 2_000
/** More failing orders than this and the worker pauses as a whole instead of remembering each. */
const MOST_FAILING = 1_000
/** The same trouble is not written to the log more often than this, ms. */
const LOG_EVERY_MS = 60_000

interface Failure {
  readonly user: string
  readonly due: string
  readonly retryAt: number
  readonly waitMs: number
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
      this.#log(error)
    }
    this.#forget()
  }

  /** Applies one due order; answers false when there is none. */
  async #applyOne(): Promise<boolean> {
    const now = Date.now()
    const waiting = [...this.#failing.values()].filter((failure) => failure.retryAt > now)
    let claimed: { user: string; due: string } | undefined
    try {
      await this.#db.transaction(async (tx) => {
        const { rows } = await tx.execute<{ user: string; due: string; item_ids: string[] }>(sql`
          SELECT user_id AS user, due_at::text AS due, item_ids FROM wishlist_reorders
           WHERE due_at <= now() AND (user_id, due_at::text) NOT IN (
             SELECT * FROM unnest(${sql.param(waiting.map((failure) => failure.user))}::text[],
                                  ${sql.param(waiting.map((failure) => failure.due))}::text[]))
           ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED`)
        const row = rows[0]
        if (!row) return
        claimed = row
        await applyStored(tx, row.user, row.item_ids)
        await tx.delete(wishlistReorders).where(eq(wishlistReorders.userId, row.user))
      })
    } catch (error) {
      if (!claimed) throw error
      this.#log(error)
      this.#remember(claimed)
    }
    return claimed !== undefined
  }

  /** One user's failure must not hold up the others: the order is passed over for a while. */
  #remember({ user, due }: { user: string; due: string }): void {
    const key = `${user} ${due}`
    const before = this.#failing.get(key)?.waitMs
    const waitMs = before ? Math.min(before * 2, LONGEST_RETRY_MS) : FIRST_RETRY_MS
    this.#failing.set(key, { user, due, waitMs, retryAt: Date.now() + waitMs })
  }

  /** Failures not met again are over: their order was applied or replaced elsewhere. */
  #forget(): void {
    const over = Date.now() - 2 * LONGEST_RETRY_MS
    for (const [key, failure] of this.#failing) {
      if (failure.retryAt < over) this.#failing.delete(key)
    }
  }

  #log(error: unknown): void {
    if (performance.now() - this.#loggedAt < LOG_EVERY_MS) return
    this.#loggedAt = performance.now()
    const cause = rootCause(error)
    const message = cause instanceof Error ? cause.message : String(cause)
    console.error(JSON.stringify({ level: 'error', what: 'debounced reorder', message }))
  }
}
