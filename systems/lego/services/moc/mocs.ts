import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { BanyanError } from '@banyan/contracts'
import { madeOnce, noSuch } from '@banyan/service'
import { and, desc, eq, getTableColumns, type Placeholder, type SQL, sql } from 'drizzle-orm'
import { offsetOf, readPage } from '../../monolith-pages.ts'
import { totalOf } from './counts.ts'
import { MocCreated, MocDeleted, MocGalleryImagesLinked, MocUpdated } from './events.ts'
import { type Db, fail, type Tx } from './fail.ts'
import {
  asLinks,
  keepPending,
  pendingIn,
  pendingOf,
  rememberPending,
  requireThere,
  shareLinks,
  type Verdicts,
} from './links.ts'
import type { Moc, MocChange, MocPage, MocQuery, MocSummary, NewMoc } from './messages.ts'
import { files, mocs, recentlyDeleted, storedFiles } from './schema.ts'

export type MocRow = typeof mocs.$inferSelect

const { galleryImageIds: _images, galleryAlbumIds: _albums, ...columns } = getTableColumns(mocs)
export const summary = columns

const { placeholder } = sql

/** What a list is narrowed to, by a value or by what stands for one. */
interface Narrowed {
  readonly theme?: string | Placeholder | undefined
  readonly ownerId?: string | Placeholder | undefined
}

const conditionOf = ({ theme, ownerId }: Narrowed): SQL | undefined =>
  and(theme ? eq(mocs.theme, theme) : undefined, ownerId ? eq(mocs.ownerId, ownerId) : undefined)

const listed = (by: Narrowed) =>
  madeOnce((db: Db) => {
    const where = conditionOf(by)
    return db
      .select({ row: summary, total: totalOf(db, where) })
      .from(mocs)
      .where(where)
      .orderBy(desc(mocs.createdAt), mocs.id)
      .limit(placeholder('limit'))
      .offset(placeholder('offset'))
  })
const [theme, ownerId] = [placeholder('theme'), placeholder('ownerId')]
const lists = {
  all: listed({}),
  ofTheme: listed({ theme }),
  ofOwner: listed({ ownerId }),
  ofThemeAndOwner: listed({ theme, ownerId }),
}

export async function listMocs(db: Db, viewer: string, query: MocQuery): Promise<MocPage> {
  const { limit, theme } = query
  const ownerId = query.mine === 'true' ? viewer : undefined
  const list = theme
    ? lists[ownerId ? 'ofThemeAndOwner' : 'ofTheme']
    : lists[ownerId ? 'ofOwner' : 'all']
  const selected = list(db).execute({ theme, ownerId, limit, offset: offsetOf(query) })
  const { rows, pagination } = await readPage(query, selected, async () => {
    const total = totalOf(db, conditionOf({ theme, ownerId }))
    const [row] = await db.select({ total }).from(sql`(SELECT) AS one`)
    return row!.total
  })
  return { mocs: rows.map(summaryView), pagination }
}

export const mocById = madeOnce((db: Db) =>
  db
    .select()
    .from(mocs)
    .where(eq(mocs.id, placeholder('id'))),
)
const byIdLocked = madeOnce((db: Db) =>
  db
    .select()
    .from(mocs)
    .where(eq(mocs.id, placeholder('id')))
    .for('update'),
)

/** @throws BanyanError NOT_FOUND */
export async function getMoc(db: Db, id: string): Promise<Moc> {
  const [row] = await mocById(db).execute({ id })
  if (!row) throw noSuch('MOC')
  return mocView(row)
}

/** @throws ServiceError UNKNOWN_REFERENCE */
export async function createMoc(
  tx: Tx,
  ownerId: string,
  body: NewMoc,
  verdicts: Verdicts,
): Promise<Moc> {
  await shareLinks(tx.db, verdicts)
  return sayCreated(tx, await insertMoc(tx.db, { ownerId }, body, verdicts), verdicts)
}

const inserted = madeOnce((db: Db) =>
  db
    .insert(mocs)
    .values({
      id: placeholder('id'),
      ownerId: placeholder('ownerId'),
      title: placeholder('title'),
      description: placeholder('description'),
      author: placeholder('author'),
      theme: placeholder('theme'),
      tags: placeholder('tags'),
      thumbnailUrl: placeholder('thumbnailUrl'),
      galleryImageIds: placeholder('galleryImageIds'),
      galleryAlbumIds: placeholder('galleryAlbumIds'),
    })
    .returning(),
)

/** Links are shared by the caller (`shareLinks`). @throws ServiceError UNKNOWN_REFERENCE */
export async function insertMoc(
  db: Db,
  as: { readonly id?: string; readonly ownerId: string },
  { galleryImageIds, galleryAlbumIds, ...fields }: NewMoc,
  verdicts: Verdicts,
): Promise<MocRow> {
  await requireThere(db, verdicts)
  const [row] = await inserted(db).execute({
    id: randomUUID(),
    ...fields,
    ...as,
    galleryImageIds: asLinks(galleryImageIds),
    galleryAlbumIds: asLinks(galleryAlbumIds),
  })
  await rememberPending(db, row!.id, verdicts)
  return row!
}

/** Says that a MOC is there, and what it links. @param verdicts with which it was just written, if it was */
export async function sayCreated(
  { db, publishAll }: Tx,
  row: MocRow,
  verdicts: Partial<Verdicts> = {},
): Promise<Moc> {
  const { ownerId, id: mocId } = row
  const moc = mocView(row)
  const links = moc.galleryImageIds.length + moc.galleryAlbumIds.length > 0
  const events = [
    MocCreated.of({ ownerId, mocId, moc }),
    ...(links ? [await linkedNow(db, row, verdicts)] : []),
  ]
  await publishAll(events.map((event) => ({ event, key: ownerId })))
  return moc
}

/**
 * Changes what is named.
 *
 * @throws BanyanError NOT_FOUND, FORBIDDEN for another's, ServiceError NO_INSTRUCTIONS for one that is to be
 *   complete without any, UNKNOWN_REFERENCE
 */
export async function changeMoc(
  tx: Tx,
  ownerId: string,
  id: string,
  change: MocChange,
  verdicts: Verdicts,
): Promise<Moc> {
  const { db } = tx
  await shareLinks(db, verdicts)
  const before = await lockOwnMoc(db, ownerId, id)
  const { galleryImageIds, galleryAlbumIds, ...fields } = change
  if (fields.status === 'complete') await requireInstructions(db, id)
  await requireThere(db, verdicts)
  const [row] = await db
    .update(mocs)
    .set({
      ...definedOf(fields),
      ...(galleryImageIds ? { galleryImageIds: asLinks(galleryImageIds) } : {}),
      ...(galleryAlbumIds ? { galleryAlbumIds: asLinks(galleryAlbumIds) } : {}),
      updatedAt: sql`now()`,
    })
    .where(eq(mocs.id, id))
    .returning()
  await keepPending(db, id, verdicts)
  return sayChanged(tx, before, row!, verdicts)
}

/**
 * With its files and parts lists.
 *
 * @returns the files that Storage still holds
 * @throws BanyanError NOT_FOUND, FORBIDDEN for another's
 */
export async function deleteMoc(
  { db, publish }: Tx,
  ownerId: string,
  id: string,
): Promise<readonly string[]> {
  await lockOwnMoc(db, ownerId, id)
  // In one: rows are read as they were when it began, and nobody adds a file to a MOC that is locked.
  const { rows } = await db.execute<{ id: string }>(sql`
    WITH gone AS (DELETE FROM ${mocs} WHERE ${mocs.id} = ${id}),
    noted AS (
      INSERT INTO ${recentlyDeleted} (moc_id, owner_id) VALUES (${id}, ${ownerId}) ON CONFLICT DO NOTHING
    )
    SELECT id FROM ${storedFiles} WHERE ${storedFiles.mocId} = ${id}`)
  await publish(MocDeleted.of({ ownerId, mocId: id }), { key: ownerId })
  return rows.map((file) => file.id)
}

/** The MOC, locked so that its parts lists and files change one at a time; only its owner may. */
export async function lockOwnMoc(db: Db, ownerId: string, id: string): Promise<MocRow> {
  const [row] = await byIdLocked(db).execute({ id })
  if (!row) throw noSuch('MOC')
  if (row.ownerId === ownerId) return row
  throw new BanyanError('FORBIDDEN', { reason: 'Only its user may change a MOC' })
}

/** @throws ServiceError NO_INSTRUCTIONS */
export async function requireInstructions(db: Db, mocId: string): Promise<void> {
  for (const held of [files, storedFiles]) {
    const [file] = await db
      .select({ id: held.id })
      .from(held)
      .where(and(eq(held.mocId, mocId), eq(held.kind, 'instruction')))
      .limit(1)
    if (file) return
  }
  throw fail('NO_INSTRUCTIONS')
}

/** Says what has changed of a MOC, and of its links. @param verdicts as `sayCreated` */
export async function sayChanged(
  { db, publishAll }: Tx,
  before: MocRow,
  after: MocRow,
  verdicts: Partial<Verdicts> = {},
): Promise<Moc> {
  const { ownerId, id: mocId } = after
  const [former, moc] = [mocView(before), mocView(after)]
  const changed = (Object.keys(moc) as (keyof Moc)[]).filter(
    (name) => name !== 'updatedAt' && !isDeepStrictEqual(moc[name], former[name]),
  )
  const linked = changed.includes('galleryImageIds') || changed.includes('galleryAlbumIds')
  const events = [
    MocUpdated.of({ ownerId, mocId, moc, changed }),
    ...(linked ? [await linkedNow(db, after, verdicts)] : []),
  ]
  await publishAll(events.map((event) => ({ event, key: ownerId })))
  return moc
}

/** Says what a MOC links now. */
export async function sayLinked({ db, publish }: Tx, row: MocRow): Promise<void> {
  await publish(await linkedNow(db, row), { key: row.ownerId })
}

async function linkedNow(db: Db, row: MocRow, { image, album }: Partial<Verdicts> = {}) {
  const { id: mocId, ownerId } = row
  const { galleryImageIds, galleryAlbumIds } = mocView(row)
  // Links that nobody judged just now may be pending from before.
  const judged = (image || galleryImageIds.length === 0) && (album || galleryAlbumIds.length === 0)
  const pending = judged ? pendingIn({ image, album }) : await pendingOf(db, mocId)
  return MocGalleryImagesLinked.of({ ownerId, mocId, galleryImageIds, galleryAlbumIds, pending })
}

export function mocView(row: MocRow): Moc {
  const { galleryImageIds, galleryAlbumIds } = row
  return {
    ...summaryView(row),
    galleryImageIds: galleryImageIds.map((link) => link.id),
    galleryAlbumIds: galleryAlbumIds.map((link) => link.id),
  }
}

type SummaryRow = Omit<MocRow, 'galleryImageIds' | 'galleryAlbumIds'>

export function summaryView({
  ownerId: userId,
  createdAt,
  updatedAt,
  ...rest
}: SummaryRow): MocSummary {
  return {
    ...rest,
    userId,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}

function definedOf<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const defined = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(defined) as { [K in keyof T]: Exclude<T[K], undefined> }
}
