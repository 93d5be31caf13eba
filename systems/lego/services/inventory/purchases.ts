import { sqlState } from '@banyan/postgres'
import { noSuch } from '@banyan/service'
import { and, eq } from 'drizzle-orm'
import { fail } from './errors.ts'
import { PartsPurchased } from './events.ts'
import { type Context, getItem, lockItem, setAcquired, sourceOf, type Tx } from './items.ts'
import type { Money, NewPurchase, Purchase } from './messages.ts'
import { purchases } from './schema.ts'

/** The database's word for a cost that is set (migrations/0001_items.sql). */
const COST_IS_SET = 'IN001'

/** Purchases of an item that are shown at most: more of one part nobody makes. */
const MOST_SHOWN = 1_000

/** @throws BanyanError NOT_FOUND */
export async function listPurchases(
  { db }: Context,
  ownerId: string,
  itemId: string,
): Promise<Purchase[]> {
  await getItem(db, ownerId, itemId)
  const rows = await db
    .select()
    .from(purchases)
    .where(eq(purchases.itemId, itemId))
    .orderBy(purchases.purchasedAt, purchases.id)
    .limit(MOST_SHOWN)
  return rows.map(view)
}

/**
 * Records what was bought. There are so many more of the item then, as far as some were missing: whoever
 * buys a bag of a hundred still needs only his ten.
 *
 * @throws BanyanError NOT_FOUND
 */
export async function addPurchase(
  tx: Tx,
  ownerId: string,
  itemId: string,
  { quantity, cost, vendor, purchasedAt }: NewPurchase,
): Promise<Purchase> {
  const item = await lockItem(tx, ownerId, itemId)
  const [row] = await tx.db
    .insert(purchases)
    .values({
      itemId,
      quantity,
      costMinor: cost?.amountMinor,
      currency: cost?.currency,
      vendor,
      purchasedAt: purchasedAt === undefined ? undefined : new Date(purchasedAt),
    })
    .returning()
  const source = sourceOf(item)
  const payload = { ownerId, itemId, purchaseId: row!.id, source, quantity, cost }
  await tx.publish(PartsPurchased.of(payload), { key: ownerId })
  await setAcquired(tx, item, Math.min(item.totalCount, item.acquiredCount + quantity))
  return view(row!)
}

/** Says what a purchase cost that had no cost. @throws BanyanError NOT_FOUND, ServiceError COST_IS_SET */
export async function setCost(
  tx: Tx,
  ownerId: string,
  { itemId, purchaseId }: { itemId: string; purchaseId: string },
  { amountMinor, currency }: Money,
): Promise<Purchase> {
  await lockItem(tx, ownerId, itemId)
  const [row] = await tx.db
    .update(purchases)
    .set({ costMinor: amountMinor, currency })
    .where(and(eq(purchases.itemId, itemId), eq(purchases.id, purchaseId)))
    .returning()
    .catch((error: unknown) => {
      throw sqlState(error) === COST_IS_SET ? fail('COST_IS_SET') : error
    })
  if (!row) throw noSuch('purchase')
  return view(row)
}

function view(row: typeof purchases.$inferSelect): Purchase {
  const { id, itemId, quantity, costMinor, currency, vendor } = row
  return {
    id,
    itemId,
    quantity,
    cost: costMinor === null ? null : { amountMinor: costMinor, currency: currency! },
    vendor,
    purchasedAt: row.purchasedAt.toISOString(),
    createdAt: row.createdAt.toISOString(),
  }
}
