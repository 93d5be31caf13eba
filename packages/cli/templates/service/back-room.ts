import { type Database, noSuch, type Transaction } from '@banyan/service'
import { and, asc, eq, type SQL, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { NewStoredThing, StoredThing, StoredThingChange, Summary } from './client.ts'
import { StoredThingAdded } from './events.ts'
import type * as tables from './schema.ts'
import { storedThings, tallies } from './schema.ts'

/** The service's own database, in a transaction or not. */
type Db = Database<typeof tables>
type Answer = z.infer<typeof StoredThing>

/** Where a page ends: the last row's `createdAt` and `id`. */
export type Position = readonly [createdAt: string, id: string]

/** The first `limit` of the owner's that follow `after`, oldest first. */
export async function listOwn(
  db: Db,
  owner: string,
  { after, limit }: { readonly after: Position | null; readonly limit: number },
): Promise<Answer[]> {
  const follows = after
    ? sql`(${storedThings.createdAt}, ${storedThings.id}) > (${after[0]}::timestamptz, ${after[1]}::uuid)`
    : undefined
  const rows = await db
    .select()
    .from(storedThings)
    .where(and(eq(storedThings.ownerId, owner), follows))
    .orderBy(asc(storedThings.createdAt), asc(storedThings.id))
    .limit(limit)
  return rows.map(view)
}

/** @throws BanyanError NOT_FOUND when the owner has none of this id; as do the next two that take one */
export async function getOwn(db: Db, owner: string, id: string): Promise<Answer> {
  const [row] = await db.select().from(storedThings).where(own(owner, id))
  return view(present(row))
}

/** Adds, and says so: both are committed, or neither is. */
export async function add(
  { db, publish }: Pick<Transaction<typeof tables>, 'db' | 'publish'>,
  owner: string,
  given: z.infer<typeof NewStoredThing>,
): Promise<Answer> {
  const [row] = await db
    .insert(storedThings)
    .values({ ownerId: owner, ...given })
    .returning()
  const { id, ownerId, title } = row!
  await publish(StoredThingAdded.of({ id, ownerId, title }), { key: ownerId })
  return view(row!)
}

export async function change(
  db: Db,
  owner: string,
  id: string,
  { title }: z.infer<typeof StoredThingChange>,
): Promise<Answer> {
  const changes = { ...(title === undefined ? {} : { title }), updatedAt: sql`now()` }
  const [row] = await db.update(storedThings).set(changes).where(own(owner, id)).returning()
  return view(present(row))
}

export async function remove(db: Db, owner: string, id: string): Promise<void> {
  const [row] = await db.delete(storedThings).where(own(owner, id)).returning()
  present(row)
}

export async function summarize(db: Db, owner: string): Promise<z.infer<typeof Summary>> {
  const [row] = await db.select().from(tallies).where(eq(tallies.ownerId, owner))
  return { added: row?.added ?? 0 }
}

/** Counts one more for the owner. */
export async function count(db: Db, owner: string): Promise<void> {
  await db
    .insert(tallies)
    .values({ ownerId: owner, added: 1 })
    .onConflictDoUpdate({ target: tallies.ownerId, set: { added: sql`${tallies.added} + 1` } })
}

type Row = typeof storedThings.$inferSelect

function own(owner: string, id: string): SQL | undefined {
  return and(eq(storedThings.ownerId, owner), eq(storedThings.id, id))
}

function present(row: Row | undefined): Row {
  if (!row) throw noSuch('stored thing')
  return row
}

function view({ id, title, createdAt, updatedAt }: Row): Answer {
  return { id, title, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }
}
