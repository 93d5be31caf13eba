import { and, asc, count, eq, sql } from 'drizzle-orm'
import type { Database, Transaction } from '../db/connect.ts'
import { wishlistItems } from '../db/schema.ts'
import { notFound } from '../http/errors.ts'
import { type Pagination, pagination } from '../http/validate.ts'
import { noteChange } from '../search/changes.ts'
import type { ItemChange, ListQuery, NewItem } from './schemas.ts'

type Row = typeof wishlistItems.$inferSelect

/** An item as clients see it. */
function view(row: Row) {
  return {
    id: row.id,
    title: row.title,
    description: row.description,
    productLink: row.productLink,
    imageUrl: row.imageUrl,
    category: row.category,
    sortOrder: row.sortOrder,
    quantity: row.quantity,
    price: row.price === null ? null : Number(row.price),
    isAcquired: row.isAcquired,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}

export type Item = ReturnType<typeof view>

/**
 * One change at a time to the order of one user's items: without it two creations at once
 * would both take the place after the last.
 */
export async function lockOrder(tx: Transaction, userId: string): Promise<void> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended('wishlist ' || ${userId}, 0))`)
}

export async function listItems(
  db: Database,
  userId: string,
  { page, limit, category }: ListQuery,
): Promise<{ items: Item[]; pagination: Pagination }> {
  const where = and(
    eq(wishlistItems.userId, userId),
    category === undefined ? undefined : eq(wishlistItems.category, category),
  )
  const [rows, [counted]] = await Promise.all([
    db
      .select()
      .from(wishlistItems)
      .where(where)
      .orderBy(asc(wishlistItems.sortOrder))
      .limit(limit)
      .offset((page - 1) * limit),
    db.select({ total: count() }).from(wishlistItems).where(where),
  ])
  return { items: rows.map(view), pagination: pagination(page, limit, counted?.total ?? 0) }
}

export async function getItem(db: Database, userId: string, id: string): Promise<Item> {
  const [row] = await db.select().from(wishlistItems).where(own(userId, id))
  if (!row) throw notFound('wishlist item')
  return view(row)
}

/** Adds an item after the user's last. */
export async function createItem(db: Database, userId: string, item: NewItem): Promise<Item> {
  const row = await db.transaction(async (tx) => {
    await lockOrder(tx, userId)
    const [created] = await tx
      .insert(wishlistItems)
      .values({
        ...item,
        userId,
        price: item.price?.toFixed(2) ?? null,
        sortOrder: sql`(SELECT coalesce(max(sort_order) + 1, 0) FROM wishlist_items WHERE user_id = ${userId})`,
      })
      .returning()
    await noteChange(tx, 'wishlist', created!.id)
    return created!
  })
  return view(row)
}

export async function changeItem(
  db: Database,
  userId: string,
  id: string,
  { price, ...change }: ItemChange,
): Promise<Item> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .update(wishlistItems)
      .set({
        ...change,
        ...(price === undefined ? {} : { price: price?.toFixed(2) ?? null }),
        updatedAt: sql`now()`,
      })
      .where(own(userId, id))
      .returning()
    if (!row) throw notFound('wishlist item')
    await noteChange(tx, 'wishlist', id)
    return view(row)
  })
}

export async function deleteItem(db: Database, userId: string, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    await lockOrder(tx, userId)
    const gone = await tx.delete(wishlistItems).where(own(userId, id)).returning({ id: sql`1` })
    if (gone.length === 0) throw notFound('wishlist item')
    await noteChange(tx, 'wishlist', id)
  })
}

function own(userId: string, id: string) {
  return and(eq(wishlistItems.userId, userId), eq(wishlistItems.id, id))
}
