import { BanyanError } from '@banyan/contracts'
import { madeOnce, noSuch } from '@banyan/service'
import { and, desc, eq, getTableColumns, sql } from 'drizzle-orm'
import { offsetOf, readPage } from '../../monolith-pages.ts'
import { AlbumCreated, AlbumDeleted, AlbumUpdated } from './events.ts'
import { type Db, fail, lockGallery, type Tx } from './gallery.ts'
import { listImages } from './images.ts'
import type { Album, AlbumChange, AlbumPage, AlbumQuery, NewAlbum, WholeAlbum } from './messages.ts'
import { albums, images } from './schema.ts'

/** How many of its images an album shows by itself; the rest by `GET /v1/gallery?albumId=`. */
const SHOWN_IMAGES = 100

const { placeholder } = sql

const ofOwner = madeOnce((db: Db) => {
  const where = eq(albums.ownerId, placeholder('ownerId'))
  return db
    .select({ row: getTableColumns(albums), total: db.$count(albums, where) })
    .from(albums)
    .where(where)
    .orderBy(desc(albums.createdAt), albums.id)
    .limit(placeholder('limit'))
    .offset(placeholder('offset'))
})

export async function listAlbums(db: Db, ownerId: string, query: AlbumQuery): Promise<AlbumPage> {
  const selected = ofOwner(db).execute({ ownerId, limit: query.limit, offset: offsetOf(query) })
  const { rows, pagination } = await readPage(query, selected, () =>
    db.$count(albums, eq(albums.ownerId, ownerId)),
  )
  return { albums: rows.map(view), pagination }
}

/** An album is seen by everybody, with those of its images that they may see. @throws NOT_FOUND */
export async function getAlbum(db: Db, viewer: string, id: string): Promise<WholeAlbum> {
  const [album] = await db.select().from(albums).where(eq(albums.id, id))
  if (!album) throw noSuch('album')
  const query = { page: 1, limit: SHOWN_IMAGES, albumId: id }
  const { images: shown, pagination } = await listImages(db, viewer, query)
  return { ...view(album), images: shown, imageCount: pagination.total }
}

export async function createAlbum(
  { db, publish }: Tx,
  ownerId: string,
  body: NewAlbum,
): Promise<Album> {
  const [row] = await db
    .insert(albums)
    .values({ ...body, ownerId })
    .returning()
  const album = view(row!)
  await publish(AlbumCreated.of({ ownerId, albumId: album.id, album }), { key: ownerId })
  return album
}

/**
 * @throws BanyanError NOT_FOUND, FORBIDDEN for another's, ServiceError COVER_NOT_IN_ALBUM
 */
export async function changeAlbum(
  tx: Tx,
  ownerId: string,
  id: string,
  change: AlbumChange,
): Promise<Album> {
  await lockOwnAlbum(tx.db, ownerId, id)
  if (change.coverImageId) await requireInside(tx.db, id, change.coverImageId)
  const { title, description, coverImageId } = change
  const [row] = await tx.db
    .update(albums)
    // Drizzle leaves out what is undefined: what the change does not name.
    .set({ title, description, coverImageId, updatedAt: sql`now()` })
    .where(eq(albums.id, id))
    .returning()
  return say(tx, row!)
}

/** Deletes the album; its images stay, in no album. @throws NOT_FOUND, FORBIDDEN for another's */
export async function deleteAlbum({ db, publish }: Tx, ownerId: string, id: string): Promise<void> {
  await lockOwnAlbum(db, ownerId, id)
  await db.delete(albums).where(eq(albums.id, id))
  await publish(AlbumDeleted.of({ ownerId, albumId: id }), { key: ownerId })
}

const covers = madeOnce((db: Db) =>
  db
    .update(albums)
    .set({ coverImageId: null, updatedAt: sql`now()` })
    .where(eq(albums.coverImageId, placeholder('imageId')))
    .returning(),
)

/** An image that leaves its album cannot stay its cover. */
export async function dropCover(tx: Tx, imageId: string): Promise<void> {
  const rows = await covers(tx.db).execute({ imageId })
  for (const row of rows) await say(tx, row)
}

const existing = madeOnce((db: Db) =>
  db
    .select({ id: albums.id })
    .from(albums)
    .where(sql`${albums.id} = ANY (${placeholder('ids')})`),
)

/** Which of them there are. */
export async function existingAlbums(db: Db, ids: readonly string[]): Promise<string[]> {
  const rows = await existing(db).execute({ ids })
  return rows.map((row) => row.id)
}

async function lockOwnAlbum(db: Db, ownerId: string, id: string): Promise<void> {
  await lockGallery(db, ownerId)
  const [album] = await db.select().from(albums).where(eq(albums.id, id)).for('update')
  if (!album) throw noSuch('album')
  if (album.ownerId === ownerId) return
  throw new BanyanError('FORBIDDEN', { reason: 'Only its user may change an album' })
}

async function requireInside(db: Db, albumId: string, imageId: string): Promise<void> {
  const [image] = await db
    .select({ id: images.id })
    .from(images)
    .where(and(eq(images.id, imageId), eq(images.albumId, albumId)))
  if (!image) throw fail('COVER_NOT_IN_ALBUM')
}

type Row = typeof albums.$inferSelect

async function say({ publish }: Tx, row: Row): Promise<Album> {
  const { ownerId, id: albumId } = row
  const album = view(row)
  await publish(AlbumUpdated.of({ ownerId, albumId, album }), { key: ownerId })
  return album
}

function view({ ownerId: userId, createdAt, updatedAt, ...rest }: Row): Album {
  return {
    ...rest,
    userId,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}
