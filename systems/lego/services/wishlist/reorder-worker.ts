import { sqlState } from '@banyan/postgres'
import { NOT_OWNER_STATE, rootCause, type ServiceContext } from '@banyan/service'
import { eq, sql } from 'drizzle-orm'
import { WishlistReordered } from './events.ts'
import { applyStored } from './reorder.ts'
import type * as tables from './schema.ts'
import { pendingReorders } from './schema.ts'

/** How often due orders are looked for while there are any, ms. */
const INTERVAL_MS = 100
/**
 * How often it is looked whether there are any, ms. One is due 500 ms after it was asked for: it is known of by then, and
 * looked for at its moment.
 */
const LOOK_EVERY_MS = 250
/**
 * Orders of an owner whose last one was refused are left alone until they are overdue by this, ms,
 * doubled with each refusal up to the limit. Where the other side owns the rows, its own worker has
 * applied the order, and replication has taken it away here, long before.
 */
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 4_000
/** More refused owners than this and the worker pauses as a whole instead of remembering each. */
const MOST_REFUSED = 10_000
/** An owner not refused for this long is remembered no longer, ms. */
const REMEMBER_MS = 60_000
/** The same trouble is not written to the log more often than this, ms. */
const LOG_EVERY_MS = 60_000

type Context = Pick<ServiceContext<object, typeof tables>, 'db' | 'transaction' | 'log'>

interface Refusal {
  readonly waitMs: number
  readonly at: number
}

/** Applies debounced orders when they are due. Several processes may run one on the same database. */
export class ReorderWorker {
  readonly #context: Context
  readonly #refused = new Map<string, Refusal>()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #stopped = false
  #loggedAt = Number.NEGATIVE_INFINITY

  constructor(context: Context) {
    this.#context = context
  }

  start(): void {
    this.#rest(INTERVAL_MS)
  }

  #rest(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#round().then((restMs) => {
        if (!this.#stopped) this.#rest(restMs)
      })
    }, ms)
  }

  /** Waits for the order being applied now, if any. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  /** @returns when there is to be the next one, ms. */
  async #round(): Promise<number> {
    let restMs = INTERVAL_MS
    try {
      const dueMs = await this.#dueInMs()
      // A timer may be a millisecond early.
      if (dueMs > 0) restMs = Math.min(Math.ceil(dueMs) + 1, LOOK_EVERY_MS)
      else await this.#applyAll()
    } catch (error) {
      this.#report(error)
    }
    const over = performance.now() - REMEMBER_MS
    for (const [owner, { at }] of this.#refused) if (at < over) this.#refused.delete(owner)
    return restMs
  }

  /** Until an order is due, ms. */
  async #dueInMs(): Promise<number> {
    const { rows } = await this.#context.db.execute<{ ms: number | null }>(
      sql`SELECT extract(epoch FROM min(due_at) - now())::float8 * 1000 AS ms FROM wishlist.pending_reorders`,
    )
    return rows[0]!.ms ?? Number.POSITIVE_INFINITY
  }

  async #applyAll(): Promise<void> {
    while (!this.#stopped && this.#refused.size < MOST_REFUSED && (await this.#applyOne())) {}
  }

  /** Applies one due order; answers false when there is none. */
  async #applyOne(): Promise<boolean> {
    const owners = [...this.#refused.keys()]
    const waits = owners.map((owner) => this.#waitOf(owner))
    let owner: string | undefined
    try {
      await this.#context.transaction(async ({ db, publish }) => {
        const { rows } = await db.execute<{ owner_id: string; item_ids: string[] }>(sql`
          SELECT owner_id, item_ids FROM wishlist.pending_reorders AS pending
           WHERE due_at <= now() AND NOT EXISTS (
             SELECT FROM unnest(${sql.param(owners)}::text[], ${sql.param(waits)}::int[]) AS refused (id, wait)
              WHERE refused.id = pending.owner_id
                AND pending.due_at > now() - refused.wait * interval '1 millisecond')
           ORDER BY due_at LIMIT 1 FOR UPDATE OF pending SKIP LOCKED`)
        owner = rows[0]?.owner_id
        if (owner === undefined) return
        const itemCount = await applyStored(db, owner, rows[0]!.item_ids)
        await db.delete(pendingReorders).where(eq(pendingReorders.ownerId, owner))
        await publish(WishlistReordered.of({ ownerId: owner, itemCount }), { key: owner })
      })
      if (owner !== undefined) this.#refused.delete(owner)
    } catch (error) {
      if (owner === undefined) throw error
      if (sqlState(error) !== NOT_OWNER_STATE) this.#report(error)
      const waitMs = (this.#refused.get(owner)?.waitMs ?? FIRST_WAIT_MS / 2) * 2
      const at = performance.now()
      this.#refused.set(owner, { waitMs: Math.min(waitMs, LONGEST_WAIT_MS), at })
    }
    return owner !== undefined
  }

  /** How far an order of this owner must be overdue to be tried, ms; one just refused is not. */
  #waitOf(owner: string): number {
    const { waitMs, at } = this.#refused.get(owner)!
    return performance.now() - at < waitMs ? 2_147_483_647 : waitMs
  }

  #report(error: unknown): void {
    if (performance.now() - this.#loggedAt < LOG_EVERY_MS) return
    this.#loggedAt = performance.now()
    this.#context.log.error({ reason: rootCause(error).message }, 'a debounced reorder failed')
  }
}
