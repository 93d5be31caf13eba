import { and, count, desc, eq, getTableColumns, or, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database, Transaction } from '../db/connect.ts'
import { galleryAlbums, galleryImages } from '../db/schema.ts'
import { HttpError, notFound } from '../http/errors.ts'
import { Page, pagination } from '../http/validate.ts'
import { noteChange } from '../search/changes.ts'
import { searchDocument } from '../search/document.ts'

const { search: _search, ...columns } = getTableColumns(galleryImages)

const Fields = {
  title: z.string().trim().min(1).max(200),
  description: z.string().max(2_000).nullable(),
  tags: z.array(z.string().trim().min(1).max(40)).max(20),
  imageUrl: z.url({ protocol: /^https?$/ }).max(1_000),
  thumbnailUrl: z
    .url({ protocol: /^https?$/ })
    .max(1_000)
    .nullable(),
  albumId: z.uuid().nullable(),
}

export const NewImage = z.strictObject({
  title: Fields.title,
  description: Fields.description.default(null),
  tags: Fields.tags.default([]),
  imageUrl: Fields.imageUrl,
  thumbnailUrl: Fields.thumbnailUrl.default(null),
  albumId: Fields.albumId.default(null),
})
export const ImageChange = z
  .strictObject(Fields)
  .partial()
  .refine((change) => Object.keys(change).length > 0, { error: 'Name at least one field' })
export const ImageQuery = Page.extend({
  albumId: z.uuid().optional(),
  mine: z.enum(['true', 'false']).optional(),
})

/** The public gallery: flagged images are seen by their user alone. */
export async function listImages(db: Database, userId: string, query: z.infer<typeof ImageQuery>) {
  const { page, limit, albumId, mine } = query
  const where = and(
    mine === 'true' ? eq(galleryImages.userId, userId) : visibleTo(userId),
    albumId ? eq(galleryImages.albumId, albumId) : undefined,
  )
  const [images, [counted]] = await Promise.all([
    db
      .select(columns)
      .from(galleryImages)
      .where(where)
      .orderBy(desc(galleryImages.createdAt), galleryImages.id)
      .limit(limit)
      .offset((page - 1) * limit),
    db.select({ total: count() }).from(galleryImages).where(where),
  ])
  return { images, pagination: pagination(page, limit, counted?.total ?? 0) }
}

export async function getImage(db: Database, userId: string, id: string) {
  const [image] = await db
    .select(columns)
    .from(galleryImages)
    .where(and(eq(galleryImages.id, id), visibleTo(userId)))
  if (!image) throw notFound('image')
  return image
}

export async function createImage(db: Database, userId: string, body: z.infer<typeof NewImage>) {
  return db.transaction(async (tx) => {
    if (body.albumId) await requireOwnAlbum(tx, userId, body.albumId)
    const [image] = await tx
      .insert(galleryImages)
      .values({ ...body, userId, search: searchDocument(body) })
      .returning(columns)
    await noteChange(tx, 'image', image!.id)
    return image!
  })
}

export async function changeImage(
  db: Database,
  userId: string,
  id: string,
  change: z.infer<typeof ImageChange>,
) {
  return db.transaction(async (tx) => {
    const image = await lockOwnImage(tx, userId, id)
    if (change.albumId) await requireOwnAlbum(tx, userId, change.albumId)
    if (change.albumId !== undefined && change.albumId !== image.albumId) await dropCover(tx, id)
    const changed = { ...image, ...change }
    const [row] = await tx
      .update(galleryImages)
      .set({
        title: changed.title ?? image.title,
        description: changed.description ?? null,
        tags: changed.tags ?? image.tags,
        imageUrl: changed.imageUrl ?? image.imageUrl,
        thumbnailUrl: changed.thumbnailUrl ?? null,
        albumId: changed.albumId ?? null,
        search: searchDocument({
          title: changed.title ?? image.title,
          description: changed.description ?? null,
          tags: changed.tags ?? image.tags,
        }),
        updatedAt: sql`now()`,
      })
      .where(eq(galleryImages.id, id))
      .returning(columns)
    await noteChange(tx, 'image', id)
    return row!
  })
}

export async function deleteImage(db: Database, userId: string, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    await lockOwnImage(tx, userId, id)
    await dropCover(tx, id)
    await tx.delete(galleryImages).where(eq(galleryImages.id, id))
    await noteChange(tx, 'image', id)
  })
}

async function lockOwnImage(tx: Transaction, userId: string, id: string) {
  const [image] = await tx
    .select(columns)
    .from(galleryImages)
    .where(eq(galleryImages.id, id))
    .for('update')
  if (!image) throw notFound('image')
  if (image.userId === userId) return image
  throw new HttpError(403, 'FORBIDDEN', 'Only its user may change an image')
}

async function requireOwnAlbum(tx: Transaction, userId: string, albumId: string): Promise<void> {
  const [album] = await tx
    .select({ id: galleryAlbums.id })
    .from(galleryAlbums)
    .where(and(eq(galleryAlbums.id, albumId), eq(galleryAlbums.userId, userId)))
  if (!album) throw new HttpError(422, 'UNKNOWN_REFERENCE', `You have no album ${albumId}`)
}

/** An image that leaves its album cannot stay its cover. */
async function dropCover(tx: Transaction, imageId: string): Promise<void> {
  await tx
    .update(galleryAlbums)
    .set({ coverImageId: null, updatedAt: sql`now()` })
    .where(eq(galleryAlbums.coverImageId, imageId))
}

function visibleTo(userId: string): SQL | undefined {
  return or(eq(galleryImages.flagged, false), eq(galleryImages.userId, userId))
}
