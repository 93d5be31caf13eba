import { sqlState } from '@banyan/postgres'
import { NOT_OWNER_STATE, rootCause, type ServiceContext } from '@banyan/service'
import { eq, sql } from 'drizzle-orm'
import { WishlistReordered } from './events.ts'
import { applyStored } from './reorder.ts'
import type * as tables from './schema.ts'
import { pendingReorders } from './schema.ts'

/** How often due orders are looked for, ms. */
const INTERVAL_MS = 100
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

type Context = Pick<ServiceContext<object, typeof tables>, 'transaction' | 'log'>

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
      while (!this.#stopped && this.#refused.size < MOST_REFUSED && (await this.#applyOne())) {}
    } catch (error) {
      this.#report(error)
    }
    const over = performance.now() - REMEMBER_MS
    for (const [owner, { at }] of this.#refused) if (at < over) this.#refused.delete(owner)
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
