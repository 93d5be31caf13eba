import { BanyanError } from '@banyan/contracts'
import { noSuch } from '@banyan/service'
import { and, desc, eq, getTableColumns, inArray, or, type SQL, sql } from 'drizzle-orm'
import { offsetOf, readPage } from '../../monolith-pages.ts'
import { dropCover } from './albums.ts'
import { ImageDeleted, ImageUpdated, ImageUploaded } from './events.ts'
import { type Db, fail, lockGallery, type Tx } from './gallery.ts'
import type { Image, ImageChange, ImagePage, ImageQuery, NewImage } from './messages.ts'
import { albums, images } from './schema.ts'

/** The public gallery: a flagged image is seen by its owner alone. */
export async function listImages(db: Db, viewer: string, query: ImageQuery): Promise<ImagePage> {
  const { limit, albumId, mine } = query
  const where = and(
    mine === 'true' ? eq(images.ownerId, viewer) : visibleTo(viewer),
    albumId ? eq(images.albumId, albumId) : undefined,
  )
  const total = db.$count(images, where)
  const selected = db
    .select({ row: getTableColumns(images), total })
    .from(images)
    .where(where)
    .orderBy(desc(images.createdAt), images.id)
    .limit(limit)
    .offset(offsetOf(query))
  const { rows, pagination } = await readPage(query, selected, () => total)
  return { images: rows.map(imageView), pagination }
}

/** @throws BanyanError NOT_FOUND when there is none, or it is hidden from the viewer */
export async function getImage(db: Db, viewer: string, id: string): Promise<Image> {
  const [row] = await db
    .select()
    .from(images)
    .where(and(eq(images.id, id), visibleTo(viewer)))
  if (!row) throw noSuch('image')
  return imageView(row)
}

/** @throws ServiceError UNKNOWN_REFERENCE when the album is not the owner's */
export async function createImage(
  { db, publish }: Tx,
  ownerId: string,
  body: NewImage,
): Promise<Image> {
  await lockGallery(db, ownerId)
  if (body.albumId) await requireOwnAlbum(db, ownerId, body.albumId)
  const [row] = await db
    .insert(images)
    .values({ ...body, ownerId })
    .returning()
  const image = imageView(row!)
  await publish(ImageUploaded.of({ ownerId, imageId: image.id, image }), { key: ownerId })
  return image
}

/**
 * Changes what is named; an image that leaves its album is its cover no more.
 *
 * @throws BanyanError NOT_FOUND, FORBIDDEN for another's, ServiceError UNKNOWN_REFERENCE
 */
export async function changeImage(
  tx: Tx,
  ownerId: string,
  id: string,
  change: ImageChange,
): Promise<Image> {
  const { db, publish } = tx
  const before = await lockOwnImage(db, ownerId, id)
  const { albumId } = change
  if (albumId) await requireOwnAlbum(db, ownerId, albumId)
  if (albumId !== undefined && albumId !== before.albumId) await dropCover(tx, id)
  const { title, description, tags, imageUrl, thumbnailUrl } = change
  const [row] = await db
    .update(images)
    // Drizzle leaves out what is undefined: what the change does not name.
    .set({ title, description, tags, imageUrl, thumbnailUrl, albumId, updatedAt: sql`now()` })
    .where(eq(images.id, id))
    .returning()
  const image = imageView(row!)
  await publish(ImageUpdated.of({ ownerId, imageId: id, image }), { key: ownerId })
  return image
}

/** @throws BanyanError NOT_FOUND, FORBIDDEN for another's */
export async function deleteImage(tx: Tx, ownerId: string, id: string): Promise<void> {
  const { db, publish } = tx
  await lockOwnImage(db, ownerId, id)
  await dropCover(tx, id)
  await db.delete(images).where(eq(images.id, id))
  await publish(ImageDeleted.of({ ownerId, imageId: id }), { key: ownerId })
}

/** Which of them there are, hidden ones too: who links an image sees nothing of it by that. */
export async function existingImages(db: Db, ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .select({ id: images.id })
    .from(images)
    .where(inArray(images.id, [...ids]))
  return rows.map((row) => row.id)
}

async function lockOwnImage(db: Db, ownerId: string, id: string) {
  await lockGallery(db, ownerId)
  const [image] = await db.select().from(images).where(eq(images.id, id)).for('update')
  if (!image) throw noSuch('image')
  if (image.ownerId === ownerId) return image
  throw new BanyanError('FORBIDDEN', { reason: 'Only its user may change an image' })
}

async function requireOwnAlbum(db: Db, ownerId: string, albumId: string): Promise<void> {
  const [album] = await db
    .select({ id: albums.id })
    .from(albums)
    .where(and(eq(albums.id, albumId), eq(albums.ownerId, ownerId)))
  if (!album) throw fail('UNKNOWN_REFERENCE', { albumId })
}

function visibleTo(viewer: string): SQL | undefined {
  return or(eq(images.flagged, false), eq(images.ownerId, viewer))
}

export function imageView(row: typeof images.$inferSelect): Image {
  const { ownerId: userId, createdAt, updatedAt, ...rest } = row
  return {
    ...rest,
    userId,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}
