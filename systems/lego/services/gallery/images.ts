import { BanyanError } from '@banyan/contracts'
import { madeOnce, noSuch } from '@banyan/service'
import {
  and,
  desc,
  eq,
  getTableColumns,
  not,
  or,
  type Placeholder,
  type SQL,
  sql,
} from 'drizzle-orm'
import { offsetOf, readPage } from '../../monolith-pages.ts'
import { dropCover } from './albums.ts'
import { ImageDeleted, ImageUpdated, ImageUploaded } from './events.ts'
import { type Db, fail, lockGallery, type Tx } from './gallery.ts'
import type { Image, ImageChange, ImagePage, ImageQuery, NewImage } from './messages.ts'
import { albums, images } from './schema.ts'

const { placeholder } = sql

/** What a list shows, by values or by what stands for them. */
interface Shown {
  readonly viewer: string | Placeholder
  readonly mine: boolean
  readonly albumId?: string | Placeholder | undefined
}

const conditionOf = ({ viewer, mine, albumId }: Shown): SQL | undefined =>
  and(
    mine ? eq(images.ownerId, viewer) : visibleTo(viewer),
    albumId ? eq(images.albumId, albumId) : undefined,
  )

const listed = (shown: Shown) =>
  madeOnce((db: Db) => {
    const where = conditionOf(shown)
    return db
      .select({ row: getTableColumns(images), total: db.$count(images, where) })
      .from(images)
      .where(where)
      .orderBy(desc(images.createdAt), images.id)
      .limit(placeholder('limit'))
      .offset(placeholder('offset'))
  })
const [viewer, albumId] = [placeholder('viewer'), placeholder('albumId')]
const lists = {
  all: listed({ viewer, mine: false }),
  ofAlbum: listed({ viewer, mine: false, albumId }),
  mine: listed({ viewer, mine: true }),
  mineOfAlbum: listed({ viewer, mine: true, albumId }),
}

/** The public gallery: a flagged image is seen by its owner alone. */
export async function listImages(db: Db, viewer: string, query: ImageQuery): Promise<ImagePage> {
  const { limit, albumId } = query
  const mine = query.mine === 'true'
  const list = albumId ? lists[mine ? 'mineOfAlbum' : 'ofAlbum'] : lists[mine ? 'mine' : 'all']
  const selected = list(db).execute({ viewer, albumId, limit, offset: offsetOf(query) })
  const { rows, pagination } = await readPage(query, selected, () =>
    db.$count(images, conditionOf({ viewer, mine, albumId })),
  )
  return { images: rows.map(imageView), pagination }
}

const visibleById = madeOnce((db: Db) =>
  db
    .select()
    .from(images)
    .where(and(eq(images.id, placeholder('id')), visibleTo(viewer))),
)

/** @throws BanyanError NOT_FOUND when there is none, or it is hidden from the viewer */
export async function getImage(db: Db, viewer: string, id: string): Promise<Image> {
  const [row] = await visibleById(db).execute({ id, viewer })
  if (!row) throw noSuch('image')
  return imageView(row)
}

const inserted = madeOnce((db: Db) =>
  db
    .insert(images)
    .values({
      ownerId: placeholder('ownerId'),
      albumId,
      title: placeholder('title'),
      description: placeholder('description'),
      tags: placeholder('tags'),
      imageUrl: placeholder('imageUrl'),
      thumbnailUrl: placeholder('thumbnailUrl'),
    })
    .returning(),
)

/** @throws ServiceError UNKNOWN_REFERENCE when the album is not the owner's */
export async function createImage(
  { db, publish }: Tx,
  ownerId: string,
  body: NewImage,
): Promise<Image> {
  await lockGallery(db, ownerId)
  if (body.albumId) await requireOwnAlbum(db, ownerId, body.albumId)
  const [row] = await inserted(db).execute({ ...body, ownerId })
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

const deleted = madeOnce((db: Db) => db.delete(images).where(eq(images.id, placeholder('id'))))

/** @throws BanyanError NOT_FOUND, FORBIDDEN for another's */
export async function deleteImage(tx: Tx, ownerId: string, id: string): Promise<void> {
  const { db, publish } = tx
  await lockOwnImage(db, ownerId, id)
  await dropCover(tx, id)
  await deleted(db).execute({ id })
  await publish(ImageDeleted.of({ ownerId, imageId: id }), { key: ownerId })
}

// One array, whose text is the same for however many: each would be a parameter of its own with `inArray`.
const existing = madeOnce((db: Db) =>
  db
    .select({ id: images.id })
    .from(images)
    .where(sql`${images.id} = ANY (${placeholder('ids')})`),
)

/** Which of them there are, hidden ones too: who links an image sees nothing of it by that. */
export async function existingImages(db: Db, ids: readonly string[]): Promise<string[]> {
  const rows = await existing(db).execute({ ids })
  return rows.map((row) => row.id)
}

const byIdLocked = madeOnce((db: Db) =>
  db
    .select()
    .from(images)
    .where(eq(images.id, placeholder('id')))
    .for('update'),
)

async function lockOwnImage(db: Db, ownerId: string, id: string) {
  await lockGallery(db, ownerId)
  const [image] = await byIdLocked(db).execute({ id })
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

function visibleTo(viewer: string | Placeholder): SQL | undefined {
  return or(not(images.flagged), eq(images.ownerId, viewer))
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
