import { type Database, madeOnce, noSuch } from '@banyan/service'
import { and, asc, eq, getTableColumns, type Placeholder, type SQL, sql } from 'drizzle-orm'
import { offsetOf, readPage } from '../../monolith-pages.ts'
import type { Item, ItemChange, ItemPage, ListQuery, NewItem } from './messages.ts'
import type * as tables from './schema.ts'
import { items } from './schema.ts'
import { THEMES, type ThemeCode, themeCode } from './themes.ts'

/** The service's own database, in a transaction or not. */
export type Db = Database<typeof tables>

const { placeholder } = sql
const [owner, theme] = [placeholder('owner'), placeholder('theme')]

const locked = madeOnce((db: Db) => {
  const lock = sql<string>`pg_advisory_xact_lock(hashtextextended('wishlist ' || ${owner}, 0))`
  return db.select({ lock }).from(sql`(SELECT) AS one`)
})

/**
 * One change at a time to the order of one owner's items: without it two creations at once would
 * both take the position after the last.
 */
export async function lockOrder(db: Db, owner: string): Promise<void> {
  await locked(db).execute({ owner })
}

/** What a list is narrowed to, by values or by what stands for them. */
interface Narrowed {
  readonly owner: string | Placeholder
  readonly theme?: ThemeCode | Placeholder | undefined
}

const conditionOf = ({ owner, theme }: Narrowed): SQL | undefined =>
  and(eq(items.ownerId, owner), theme ? eq(items.theme, theme) : undefined)

const listed = (by: Narrowed) =>
  madeOnce((db: Db) => {
    const where = conditionOf(by)
    return db
      .select({ row: getTableColumns(items), total: db.$count(items, where) })
      .from(items)
      .where(where)
      .orderBy(asc(items.position))
      .limit(placeholder('limit'))
      .offset(placeholder('offset'))
  })
const lists = { all: listed({ owner }), ofTheme: listed({ owner, theme }) }

export async function listItems(db: Db, owner: string, query: ListQuery): Promise<ItemPage> {
  const { category, limit } = query
  const theme = category && themeCode(category)
  const list = lists[theme ? 'ofTheme' : 'all']
  const selected = list(db).execute({ owner, theme, limit, offset: offsetOf(query) })
  const { rows, pagination } = await readPage(query, selected, () =>
    db.$count(items, conditionOf({ owner, theme })),
  )
  return { items: rows.map(view), pagination }
}

const byId = madeOnce((db: Db) =>
  db
    .select()
    .from(items)
    .where(own(owner, placeholder('id'))),
)

/** @throws BanyanError NOT_FOUND when the owner has no such item */
export async function getItem(db: Db, owner: string, id: string): Promise<Item> {
  const [row] = await byId(db).execute({ owner, id })
  if (!row) throw noSuch('wishlist item')
  return view(row)
}

const inserted = madeOnce((db: Db) =>
  db
    .insert(items)
    .values({
      ownerId: owner,
      title: placeholder('title'),
      notes: placeholder('notes'),
      productUrl: placeholder('productUrl'),
      imageUrl: placeholder('imageUrl'),
      theme,
      position: sql`(SELECT coalesce(max(position) + 1, 0) FROM wishlist.items WHERE owner_id = ${owner})`,
      quantity: placeholder('quantity'),
      priceCents: placeholder('priceCents'),
      acquired: placeholder('acquired'),
    })
    .returning(),
)

/** Adds an item after the owner's last. */
export async function createItem(db: Db, owner: string, item: NewItem): Promise<Item> {
  await lockOrder(db, owner)
  const [created] = await inserted(db).execute({
    owner,
    title: item.title,
    notes: item.description,
    productUrl: item.productLink,
    imageUrl: item.imageUrl,
    theme: item.category && themeCode(item.category),
    quantity: item.quantity,
    priceCents: cents(item.price),
    acquired: item.isAcquired,
  })
  return view(created!)
}

/** @throws BanyanError NOT_FOUND when the owner has no such item */
export async function changeItem(
  db: Db,
  owner: string,
  id: string,
  change: ItemChange,
): Promise<Item> {
  const { title, description, productLink, imageUrl, category, quantity, price, isAcquired } =
    change
  const [row] = await db
    .update(items)
    // Drizzle leaves out what is undefined: what the change does not name.
    .set({
      title,
      notes: description,
      productUrl: productLink,
      imageUrl,
      theme: category && themeCode(category),
      quantity,
      priceCents: price === undefined ? undefined : cents(price),
      acquired: isAcquired,
      updatedAt: sql`now()`,
    })
    .where(own(owner, id))
    .returning()
  if (!row) throw noSuch('wishlist item')
  return view(row)
}

const deleted = madeOnce((db: Db) =>
  db
    .delete(items)
    .where(own(owner, placeholder('id')))
    .returning({ id: items.id }),
)

/** @throws BanyanError NOT_FOUND when the owner has no such item */
export async function deleteItem(db: Db, owner: string, id: string): Promise<void> {
  await lockOrder(db, owner)
  const gone = await deleted(db).execute({ owner, id })
  if (gone.length === 0) throw noSuch('wishlist item')
}

type Row = typeof items.$inferSelect

function view(row: Row): Item {
  return {
    id: row.id,
    title: row.title,
    description: row.notes,
    productLink: row.productUrl,
    imageUrl: row.imageUrl,
    category: row.theme && THEMES[row.theme],
    sortOrder: row.position,
    quantity: row.quantity,
    price: row.priceCents === null ? null : row.priceCents / 100,
    isAcquired: row.acquired,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}

/** Rounded, since 19.99 * 100 is 1998.9999999999998. */
function cents(price: number | null): number | null {
  return price === null ? null : Math.round(price * 100)
}

function own(owner: string | Placeholder, id: string | Placeholder) {
  return and(eq(items.ownerId, owner), eq(items.id, id))
}
