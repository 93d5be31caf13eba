import { and, count, desc, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database, Transaction } from '../db/connect.ts'
import { galleryAlbums, galleryImages } from '../db/schema.ts'
import { HttpError, notFound } from '../http/errors.ts'
import { Page, pagination } from '../http/validate.ts'
import { listImages } from './images.ts'

const Title = z.string().trim().min(1).max(200)
const Description = z.string().max(2_000).nullable()

export const NewAlbum = z.strictObject({ title: Title, description: Description.default(null) })
export const AlbumChange = z
  .strictObject({ title: Title, description: Description, coverImageId: z.uuid().nullable() })
  .partial()
  .refine((change) => Object.keys(change).length > 0, { error: 'Name at least one field' })
export const AlbumQuery = Page

/** How many of its images an album shows by itself; the rest by `GET /api/gallery?albumId=`. */
const SHOWN_IMAGES = 100

export async function listAlbums(
  db: Database,
  userId: string,
  { page, limit }: z.infer<typeof AlbumQuery>,
) {
  const where = eq(galleryAlbums.userId, userId)
  const [albums, [counted]] = await Promise.all([
    db
      .select()
      .from(galleryAlbums)
      .where(where)
      .orderBy(desc(galleryAlbums.createdAt), galleryAlbums.id)
      .limit(limit)
      .offset((page - 1) * limit),
    db.select({ total: count() }).from(galleryAlbums).where(where),
  ])
  return { albums, pagination: pagination(page, limit, counted?.total ?? 0) }
}

export async function getAlbum(db: Database, userId: string, id: string) {
  const [album] = await db.select().from(galleryAlbums).where(eq(galleryAlbums.id, id))
  if (!album) throw notFound('album')
  const query = { page: 1, limit: SHOWN_IMAGES, albumId: id }
  const { images, pagination: of } = await listImages(db, userId, query)
  return { ...album, images, imageCount: of.total }
}

export async function createAlbum(db: Database, userId: string, body: z.infer<typeof NewAlbum>) {
  const [album] = await db
    .insert(galleryAlbums)
    .values({ ...body, userId })
    .returning()
  return album!
}

export async function changeAlbum(
  db: Database,
  userId: string,
  id: string,
  change: z.infer<typeof AlbumChange>,
) {
  return db.transaction(async (tx) => {
    const album = await lockOwnAlbum(tx, userId, id)
    if (change.coverImageId) await requireInside(tx, id, change.coverImageId)
    const [row] = await tx
      .update(galleryAlbums)
      .set({
        title: change.title ?? album.title,
        description: change.description === undefined ? album.description : change.description,
        coverImageId: change.coverImageId === undefined ? album.coverImageId : change.coverImageId,
        updatedAt: sql`now()`,
      })
      .where(eq(galleryAlbums.id, id))
      .returning()
    return row!
  })
}

/** Deletes the album; its images stay, in no album. */
export async function deleteAlbum(db: Database, userId: string, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    await lockOwnAlbum(tx, userId, id)
    await tx.delete(galleryAlbums).where(eq(galleryAlbums.id, id))
  })
}

async function lockOwnAlbum(tx: Transaction, userId: string, id: string) {
  const [album] = await tx
    .select()
    .from(galleryAlbums)
    .where(eq(galleryAlbums.id, id))
    .for('update')
  if (!album) throw notFound('album')
  if (album.userId === userId) return album
  throw new HttpError(403, 'FORBIDDEN', 'Only its user may change an album')
}

async function requireInside(tx: Transaction, albumId: string, imageId: string): Promise<void> {
  const [image] = await tx
    .select({ id: galleryImages.id })
    .from(galleryImages)
    .where(and(eq(galleryImages.id, imageId), eq(galleryImages.albumId, albumId)))
  if (image) return
  throw new HttpError(409, 'COVER_NOT_IN_ALBUM', 'The cover must be one of the album’s images')
}
