import { and, count, desc, eq, getTableColumns, inArray, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database, Transaction } from '../db/connect.ts'
import {
  galleryAlbums,
  galleryImages,
  mocFiles,
  mocGalleryAlbums,
  mocGalleryImages,
  mocInstructions,
} from '../db/schema.ts'
import { HttpError, notFound } from '../http/errors.ts'
import { Page, pagination } from '../http/validate.ts'
import { noteChange } from '../search/changes.ts'
import { searchDocument } from '../search/document.ts'
import type { Services } from '../services/services.ts'
import { CATEGORIES } from '../wishlist/schemas.ts'

const { search: _search, ...columns } = getTableColumns(mocInstructions)

const Fields = {
  title: z.string().trim().min(1).max(200),
  description: z.string().max(10_000).nullable(),
  author: z.string().max(120).nullable(),
  theme: z.enum(CATEGORIES).nullable(),
  tags: z.array(z.string().trim().min(1).max(40)).max(20),
  thumbnailUrl: z
    .url({ protocol: /^https?$/ })
    .max(1_000)
    .nullable(),
}
const ImageIds = z.array(z.uuid()).max(100)

export const NewMoc = z.strictObject({
  title: Fields.title,
  description: Fields.description.default(null),
  author: Fields.author.default(null),
  theme: Fields.theme.default(null),
  tags: Fields.tags.default([]),
  thumbnailUrl: Fields.thumbnailUrl.default(null),
  galleryImageIds: ImageIds.default([]),
  galleryAlbumIds: ImageIds.default([]),
})
export const MocChange = z
  .strictObject({
    ...Fields,
    status: z.enum(['draft', 'complete']),
    galleryImageIds: ImageIds,
    galleryAlbumIds: ImageIds,
  })
  .partial()
  .refine((change) => Object.keys(change).length > 0, { error: 'Name at least one field' })
export const MocQuery = Page.extend({
  theme: Fields.theme.unwrap().optional(),
  mine: z.enum(['true', 'false']).optional(),
})

export async function listMocs(db: Database, userId: string, query: z.infer<typeof MocQuery>) {
  const { page, limit, theme, mine } = query
  const where = and(
    theme ? eq(mocInstructions.theme, theme) : undefined,
    mine === 'true' ? eq(mocInstructions.userId, userId) : undefined,
  )
  const [mocs, [counted]] = await Promise.all([
    db
      .select(columns)
      .from(mocInstructions)
      .where(where)
      .orderBy(desc(mocInstructions.createdAt), mocInstructions.id)
      .limit(limit)
      .offset((page - 1) * limit),
    db.select({ total: count() }).from(mocInstructions).where(where),
  ])
  return { mocs, pagination: pagination(page, limit, counted?.total ?? 0) }
}

export async function getMoc(db: Database, id: string) {
  const [moc] = await db.select(columns).from(mocInstructions).where(eq(mocInstructions.id, id))
  if (!moc) throw notFound('MOC')
  const [images, albums] = await Promise.all([
    db.select().from(mocGalleryImages).where(eq(mocGalleryImages.mocId, id)),
    db.select().from(mocGalleryAlbums).where(eq(mocGalleryAlbums.mocId, id)),
  ])
  return {
    ...moc,
    galleryImageIds: images.map((image) => image.galleryImageId),
    galleryAlbumIds: albums.map((album) => album.galleryAlbumId),
  }
}

export async function createMoc(db: Database, userId: string, body: z.infer<typeof NewMoc>) {
  const { galleryImageIds, galleryAlbumIds, ...moc } = body
  const id = await db.transaction(async (tx) => {
    const [created] = await tx
      .insert(mocInstructions)
      .values({ ...moc, userId, search: searchDocument(moc) })
      .returning({ id: mocInstructions.id })
    await linkGallery(tx, created!.id, { galleryImageIds, galleryAlbumIds })
    await noteChange(tx, 'moc', created!.id)
    return created!.id
  })
  return getMoc(db, id)
}

export async function changeMoc(
  db: Database,
  userId: string,
  id: string,
  body: z.infer<typeof MocChange>,
) {
  const { galleryImageIds, galleryAlbumIds, ...change } = body
  await db.transaction(async (tx) => {
    const moc = await lockOwnMoc(tx, userId, id)
    if (change.status === 'complete') await requireInstructions(tx, id)
    const search = searchDocument({
      title: change.title ?? moc.title,
      description: change.description === undefined ? moc.description : change.description,
      tags: change.tags ?? moc.tags,
    })
    await tx
      .update(mocInstructions)
      .set({ ...withoutUndefined(change), search, updatedAt: sql`now()` })
      .where(eq(mocInstructions.id, id))
    await linkGallery(tx, id, { galleryImageIds, galleryAlbumIds })
    await noteChange(tx, 'moc', id)
  })
  return getMoc(db, id)
}

/** Deletes it with all that is its own, files at Storage too. */
export async function deleteMoc(
  db: Database,
  { storage }: Services,
  userId: string,
  id: string,
): Promise<void> {
  const files = await db.transaction(async (tx) => {
    await lockOwnMoc(tx, userId, id)
    const own = storage
      ? await tx.select({ id: mocFiles.id }).from(mocFiles).where(eq(mocFiles.mocId, id))
      : []
    await tx.delete(mocInstructions).where(eq(mocInstructions.id, id))
    await noteChange(tx, 'moc', id)
    return own
  })
  await storage?.forget(files.map((file) => file.id))
}

/** The MOC, locked so that its parts lists and files change one at a time; only its user may. */
export async function lockOwnMoc(tx: Transaction, userId: string, id: string) {
  const [moc] = await tx
    .select(columns)
    .from(mocInstructions)
    .where(eq(mocInstructions.id, id))
    .for('update')
  if (!moc) throw notFound('MOC')
  if (moc.userId !== userId) throw new HttpError(403, 'FORBIDDEN', 'Only its user may change a MOC')
  return moc
}

async function requireInstructions(tx: Transaction, mocId: string): Promise<void> {
  const [file] = await tx
    .select({ id: mocFiles.id })
    .from(mocFiles)
    .where(and(eq(mocFiles.mocId, mocId), eq(mocFiles.kind, 'instruction')))
    .limit(1)
  if (file) return
  throw new HttpError(409, 'NO_INSTRUCTIONS', 'A complete MOC needs at least one instruction file')
}

interface GalleryLinks {
  readonly galleryImageIds: string[] | undefined
  readonly galleryAlbumIds: string[] | undefined
}

/** Replaces the links that are named; each must lead to an image or album that is there. */
async function linkGallery(tx: Transaction, mocId: string, links: GalleryLinks): Promise<void> {
  if (links.galleryImageIds) {
    const ids = [...new Set(links.galleryImageIds)]
    await requireAll(tx, galleryImages, ids, 'gallery image')
    await tx.delete(mocGalleryImages).where(eq(mocGalleryImages.mocId, mocId))
    const rows = ids.map((galleryImageId) => ({ mocId, galleryImageId }))
    if (rows.length > 0) await tx.insert(mocGalleryImages).values(rows)
  }
  if (links.galleryAlbumIds) {
    const ids = [...new Set(links.galleryAlbumIds)]
    await requireAll(tx, galleryAlbums, ids, 'gallery album')
    await tx.delete(mocGalleryAlbums).where(eq(mocGalleryAlbums.mocId, mocId))
    const rows = ids.map((galleryAlbumId) => ({ mocId, galleryAlbumId }))
    if (rows.length > 0) await tx.insert(mocGalleryAlbums).values(rows)
  }
}

async function requireAll(
  tx: Transaction,
  table: typeof galleryImages | typeof galleryAlbums,
  ids: string[],
  what: string,
): Promise<void> {
  const found = await tx.select({ id: table.id }).from(table).where(inArray(table.id, ids))
  if (found.length === ids.length) return
  const known = new Set(found.map((row) => row.id))
  const unknown = ids.filter((id) => !known.has(id))
  throw new HttpError(422, 'UNKNOWN_REFERENCE', `There is no ${what} ${unknown.join(', ')}`)
}

function withoutUndefined<T extends object>(
  value: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  const defined = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(defined) as { [K in keyof T]: Exclude<T[K], undefined> }
}
