import { defineErrors, madeOnce } from '@banyan/service'
import { asc, eq, sql } from 'drizzle-orm'
import type { Reordered, ReorderStatus } from './messages.ts'
import { items, pendingReorders } from './schema.ts'
import { type Db, lockOrder } from './wishlist.ts'

const fail = defineErrors('wishlist', {
  REORDER_MISMATCH: {
    status: 409,
    title: 'The order does not name each item once',
    detail:
      'The order must name each of your {count} items once: {missing} missing, {unknown} unknown',
  },
})

/** A drag ends when nothing has come for this long, ms. */
const DEBOUNCE_MS = 500
/** Someone who never stops dragging is applied after this long all the same, ms. */
const LONGEST_WAIT_MS = 5_000

/**
 * Gives the owner's items the new order, all at once.
 *
 * @throws ServiceError REORDER_MISMATCH when the order does not name each item
 */
export async function reorder(db: Db, owner: string, itemIds: string[]): Promise<Reordered> {
  // The waiting order first, then the lock: the same sequence as the worker's, or the two deadlock.
  await db.delete(pendingReorders).where(eq(pendingReorders.ownerId, owner))
  await lockOrder(db, owner)
  await requireWhole(db, owner, itemIds)
  await writeOrder(db, owner, itemIds)
  return { items: itemIds.map((id, sortOrder) => ({ id, sortOrder })) }
}

/**
 * Stores the order, to be applied once the owner has stopped dragging.
 *
 * @throws ServiceError REORDER_MISMATCH when the order does not name each item
 */
export async function reorderLater(
  db: Db,
  owner: string,
  itemIds: string[],
): Promise<ReorderStatus> {
  await requireWhole(db, owner, itemIds)
  const [row] = await db
    .insert(pendingReorders)
    .values({ ownerId: owner, itemIds, dueAt: sql`now() + ${interval(DEBOUNCE_MS)}` })
    .onConflictDoUpdate({
      target: pendingReorders.ownerId,
      set: {
        itemIds,
        dueAt: sql`least(now() + ${interval(DEBOUNCE_MS)}, ${pendingReorders.requestedAt} + ${interval(LONGEST_WAIT_MS)})`,
      },
    })
    .returning()
  return status(row)
}

const pendingOf = madeOnce((db: Db) =>
  db
    .select()
    .from(pendingReorders)
    .where(eq(pendingReorders.ownerId, sql.placeholder('owner'))),
)

export async function reorderStatus(db: Db, owner: string): Promise<ReorderStatus> {
  const [row] = await pendingOf(db).execute({ owner })
  return status(row)
}

/**
 * Applies a stored order. Items deleted since are passed over; items added since follow the named
 * ones in the order they had.
 *
 * @returns how many items there are
 */
export async function applyStored(
  db: Db,
  owner: string,
  itemIds: readonly string[],
): Promise<number> {
  await lockOrder(db, owner)
  const current = await currentOrder(db, owner)
  const existing = new Set(current)
  const named = new Set(itemIds)
  const kept = itemIds.filter((id) => existing.has(id))
  await writeOrder(db, owner, [...kept, ...current.filter((id) => !named.has(id))])
  return current.length
}

async function currentOrder(db: Db, owner: string): Promise<string[]> {
  const rows = await db
    .select({ id: items.id })
    .from(items)
    .where(eq(items.ownerId, owner))
    .orderBy(asc(items.position))
  return rows.map((row) => row.id)
}

async function requireWhole(db: Db, owner: string, itemIds: readonly string[]): Promise<void> {
  const current = await currentOrder(db, owner)
  const existing = new Set(current)
  const named = new Set(itemIds)
  const missing = current.filter((id) => !named.has(id)).length
  const unknown = itemIds.filter((id) => !existing.has(id)).length
  if (missing + unknown === 0) return
  throw fail('REORDER_MISMATCH', { count: current.length, missing, unknown })
}

async function writeOrder(db: Db, owner: string, itemIds: readonly string[]): Promise<void> {
  await db.execute(sql`
    UPDATE wishlist.items AS item
       SET position = wanted.place - 1, updated_at = now()
      FROM unnest(${sql.param(itemIds)}::uuid[]) WITH ORDINALITY AS wanted (id, place)
     WHERE item.id = wanted.id AND item.owner_id = ${owner} AND item.position <> wanted.place - 1`)
}

function status(row: typeof pendingReorders.$inferSelect | undefined): ReorderStatus {
  return {
    pending: row !== undefined,
    itemCount: row?.itemIds.length ?? 0,
    requestedAt: row?.requestedAt.toISOString() ?? null,
    dueAt: row?.dueAt.toISOString() ?? null,
  }
}

function interval(ms: number) {
  return sql.raw(`interval '${ms} milliseconds'`)
}
