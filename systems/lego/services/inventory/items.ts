import { sqlState } from '@banyan/postgres'
import { type Database, noSuch, type ServiceContext, type Transaction } from '@banyan/service'
import { and, eq, gt, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { fail } from './errors.ts'
import { InventoryUpdated, PartsAcquired } from './events.ts'
import type { Item, ItemChange, ListQuery, NewItem, Progress, Source } from './messages.ts'
import type * as tables from './schema.ts'
import { items } from './schema.ts'

type Db = Database<typeof tables>
export type Context = ServiceContext<object, typeof tables>
export type Tx = Transaction<typeof tables>

type Row = typeof items.$inferSelect

const UNIQUE_VIOLATION = '23505'

const own = (ownerId: string, id: string) => and(eq(items.ownerId, ownerId), eq(items.id, id))

/** @throws BanyanError NOT_FOUND when the owner has no such item */
export async function getItem(db: Db, ownerId: string, id: string): Promise<Item> {
  const [row] = await db.select().from(items).where(own(ownerId, id))
  if (!row) throw noSuch('inventory item')
  return view(row)
}

/** Those after `after`, oldest first: one more than the page has, with the place of each. */
export async function listItems(
  db: Db,
  ownerId: string,
  { limit, sourceType, sourceId, missing }: z.infer<typeof ListQuery>,
  after: readonly [string, string] | null,
) {
  const rows = await db
    .select({ row: items, at: sql<string>`${items.createdAt}::text` })
    .from(items)
    .where(
      and(
        eq(items.ownerId, ownerId),
        sourceType && eq(items.sourceType, sourceType),
        sourceId === undefined ? undefined : eq(items.sourceId, sourceId),
        missing === 'true' ? gt(items.totalCount, items.acquiredCount) : undefined,
        missing === 'false' ? eq(items.totalCount, items.acquiredCount) : undefined,
        after
          ? sql`(${items.createdAt}, ${items.id}) > (${after[0]}::timestamptz, ${after[1]}::uuid)`
          : undefined,
      ),
    )
    .orderBy(items.createdAt, items.id)
    .limit(limit + 1)
  return rows.map(({ row, at }) => ({ ...view(row), at }))
}

/** @throws ServiceError ITEM_EXISTS */
export async function addItem(tx: Tx, ownerId: string, given: NewItem): Promise<Item> {
  const { source, partNumber, colorCode, ...rest } = given
  const [row] = await tx.db
    .insert(items)
    .values({
      ...rest,
      ownerId,
      sourceType: source.type,
      sourceId: source.id,
      partNumber: partNumber ?? '',
      colorCode: colorCode ?? '',
    })
    .onConflictDoNothing()
    .returning()
  if (!row) throw fail('ITEM_EXISTS')
  if (row.acquiredCount > 0) await sayAcquired(tx, row, row.acquiredCount)
  await sayUpdated(tx, ownerId, source)
  return view(row)
}

/** @throws BanyanError NOT_FOUND, ServiceError TOTAL_BELOW_ACQUIRED or ITEM_EXISTS */
export async function changeItem(
  tx: Tx,
  ownerId: string,
  id: string,
  { name, totalCount }: ItemChange,
): Promise<Item> {
  const { acquiredCount: acquired } = await lockItem(tx, ownerId, id)
  if (totalCount !== undefined && totalCount < acquired) {
    throw fail('TOTAL_BELOW_ACQUIRED', { acquired, total: totalCount })
  }
  const [row] = await tx.db
    .update(items)
    .set({ name, totalCount, updatedAt: sql`now()` })
    .where(own(ownerId, id))
    .returning()
    .catch((error: unknown) => {
      throw sqlState(error) === UNIQUE_VIOLATION ? fail('ITEM_EXISTS') : error
    })
  await sayUpdated(tx, ownerId, sourceOf(row!))
  return view(row!)
}

/** @throws BanyanError NOT_FOUND */
export async function deleteItem(tx: Tx, ownerId: string, id: string): Promise<void> {
  const [row] = await tx.db.delete(items).where(own(ownerId, id)).returning()
  if (!row) throw noSuch('inventory item')
  await sayUpdated(tx, ownerId, sourceOf(row))
}

/**
 * Adds to what there is of an item, or takes away from it.
 *
 * @throws BanyanError NOT_FOUND; ServiceError COUNT_OUT_OF_BOUNDS when it would be below 0 or above the total
 */
export async function acquire(tx: Tx, ownerId: string, id: string, count: number): Promise<Item> {
  const row = await lockItem(tx, ownerId, id)
  const would = row.acquiredCount + count
  if (would < 0 || would > row.totalCount) {
    throw fail('COUNT_OUT_OF_BOUNDS', { would, total: row.totalCount })
  }
  return setAcquired(tx, row, would)
}

/** The row, which nobody else changes until the transaction ends. @throws BanyanError NOT_FOUND */
export async function lockItem(tx: Tx, ownerId: string, id: string): Promise<Row> {
  const [row] = await tx.db.select().from(items).where(own(ownerId, id)).for('update')
  if (!row) throw noSuch('inventory item')
  return row
}

/** Of a row that is locked. */
export async function setAcquired(tx: Tx, row: Row, acquiredCount: number): Promise<Item> {
  if (acquiredCount === row.acquiredCount) return view(row)
  const [changed] = await tx.db
    .update(items)
    .set({ acquiredCount, updatedAt: sql`now()` })
    .where(eq(items.id, row.id))
    .returning()
  await sayAcquired(tx, changed!, acquiredCount - row.acquiredCount)
  await sayUpdated(tx, row.ownerId, sourceOf(row))
  return view(changed!)
}

/** What there is, and what is needed, of all the owner's items for a source; 0 of 0 is 0 %. */
export async function progressOf(db: Db, ownerId: string, source: Source): Promise<Progress> {
  const [sums] = await db
    .select({
      itemCount: sql<number>`count(*)::int`,
      totalCount: sql<number>`coalesce(sum(total_count), 0)::float8`,
      acquiredCount: sql<number>`coalesce(sum(acquired_count), 0)::float8`,
    })
    .from(items)
    .where(
      and(
        eq(items.ownerId, ownerId),
        eq(items.sourceType, source.type),
        eq(items.sourceId, source.id),
      ),
    )
  const { totalCount, acquiredCount } = sums!
  const percent = totalCount === 0 ? 0 : Math.floor((acquiredCount / totalCount) * 100)
  return { source, ...sums!, missingCount: totalCount - acquiredCount, percent }
}

/** Removes what was needed for a source that is gone; of one owner, or of all. */
export async function forgetSource(tx: Tx, source: Source): Promise<void> {
  const gone = await tx.db
    .delete(items)
    .where(and(eq(items.sourceType, source.type), eq(items.sourceId, source.id)))
    .returning({ ownerId: items.ownerId })
  for (const ownerId of new Set(gone.map((row) => row.ownerId))) {
    await sayUpdated(tx, ownerId, source)
  }
}

export function sourceOf({ sourceType: type, sourceId: id }: Row): Source {
  return { type, id }
}

async function sayAcquired({ publish }: Tx, row: Row, count: number): Promise<void> {
  const { ownerId, id: itemId, acquiredCount, totalCount } = row
  const payload = { ownerId, itemId, source: sourceOf(row), count, acquiredCount, totalCount }
  await publish(PartsAcquired.of(payload), { key: ownerId })
}

async function sayUpdated({ db, publish }: Tx, ownerId: string, source: Source): Promise<void> {
  const progress = await progressOf(db, ownerId, source)
  await publish(InventoryUpdated.of({ ownerId, ...progress }), { key: ownerId })
}

function view(row: Row): Item {
  const { id, name, totalCount, acquiredCount } = row
  return {
    id,
    source: sourceOf(row),
    name,
    partNumber: row.partNumber || null,
    colorCode: row.colorCode || null,
    totalCount,
    acquiredCount,
    missingCount: totalCount - acquiredCount,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}
