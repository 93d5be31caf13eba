import { asc, eq, sql } from 'drizzle-orm'
import type { Database, Transaction } from '../db/connect.ts'
import { wishlistItems, wishlistReorders } from '../db/schema.ts'
import { HttpError } from '../http/errors.ts'
import { lockOrder } from './items.ts'

/** A drag ends when nothing has come for this long, ms. */
const DEBOUNCE_MS = 500
/** Someone who never stops dragging is applied after this long all the same, ms. */
const LONGEST_WAIT_MS = 5_000

export interface Status {
  readonly pending: boolean
  readonly itemCount: number
  readonly requestedAt: Date | null
  readonly dueAt: Date | null
}

/** Gives the user's items the new order, all at once. The order must name each of them. */
export async function reorder(
  db: Database,
  userId: string,
  itemIds: string[],
): Promise<{ items: { id: string; sortOrder: number }[] }> {
  await db.transaction(async (tx) => {
    // The waiting order first, then the lock: the same sequence as the worker's, or the two deadlock.
    await tx.delete(wishlistReorders).where(eq(wishlistReorders.userId, userId))
    await lockOrder(tx, userId)
    await requireWhole(tx, userId, itemIds)
    await write(tx, userId, itemIds)
  })
  return { items: itemIds.map((id, sortOrder) => ({ id, sortOrder })) }
}

/** Stores the order to be applied once the user has stopped dragging. */
export async function reorderLater(
  db: Database,
  userId: string,
  itemIds: string[],
): Promise<Status> {
  await requireWhole(db, userId, itemIds)
  const [row] = await db
    .insert(wishlistReorders)
    .values({ userId, itemIds, dueAt: sql`now() + ${interval(DEBOUNCE_MS)}` })
    .onConflictDoUpdate({
      target: wishlistReorders.userId,
      set: {
        itemIds,
        dueAt: sql`least(now() + ${interval(DEBOUNCE_MS)}, ${wishlistReorders.requestedAt} + ${interval(LONGEST_WAIT_MS)})`,
      },
    })
    .returning()
  return status(row)
}

export async function reorderStatus(db: Database, userId: string): Promise<Status> {
  const [row] = await db.select().from(wishlistReorders).where(eq(wishlistReorders.userId, userId))
  return status(row)
}

/**
 * Applies a stored order. Items deleted since are passed over; items added since follow the named
 * ones in the order they had.
 */
export async function applyStored(
  tx: Transaction,
  userId: string,
  itemIds: readonly string[],
): Promise<void> {
  await lockOrder(tx, userId)
  const current = await currentOrder(tx, userId)
  const existing = new Set(current)
  const named = new Set(itemIds)
  const kept = itemIds.filter((id) => existing.has(id))
  await write(tx, userId, [...kept, ...current.filter((id) => !named.has(id))])
}

async function currentOrder(db: Database | Transaction, userId: string): Promise<string[]> {
  const rows = await db
    .select({ id: wishlistItems.id })
    .from(wishlistItems)
    .where(eq(wishlistItems.userId, userId))
    .orderBy(asc(wishlistItems.sortOrder))
  return rows.map((row) => row.id)
}

async function requireWhole(
  db: Database | Transaction,
  userId: string,
  itemIds: readonly string[],
): Promise<void> {
  const current = await currentOrder(db, userId)
  const existing = new Set(current)
  const named = new Set(itemIds)
  const missing = current.filter((id) => !named.has(id)).length
  const unknown = itemIds.filter((id) => !existing.has(id)).length
  if (missing + unknown === 0) return
  throw new HttpError(
    409,
    'REORDER_MISMATCH',
    `The order must name each of your ${current.length} items once: ${missing} missing, ${unknown} unknown`,
  )
}

async function write(tx: Transaction, userId: string, itemIds: readonly string[]): Promise<void> {
  await tx.execute(sql`
    UPDATE wishlist_items AS item
       SET sort_order = wanted.place - 1, updated_at = now()
      FROM unnest(${sql.param(itemIds)}::uuid[]) WITH ORDINALITY AS wanted (id, place)
     WHERE item.id = wanted.id AND item.user_id = ${userId}
       AND item.sort_order <> wanted.place - 1`)
}

function status(row: typeof wishlistReorders.$inferSelect | undefined): Status {
  return {
    pending: row !== undefined,
    itemCount: row?.itemIds.length ?? 0,
    requestedAt: row?.requestedAt ?? null,
    dueAt: row?.dueAt ?? null,
  }
}

function interval(ms: number) {
  return sql.raw(`interval '${ms} milliseconds'`)
}
