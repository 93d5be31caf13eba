import { sql } from 'drizzle-orm'
import {
  boolean,
  customType,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'
import type { Part } from '../mocs/parts.ts'

const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' })
const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

const id = () => uuid('id').primaryKey().defaultRandom()
const tags = () => text('tags').array().notNull().default(sql`'{}'`)
const search = () => tsvector('search').notNull().default('')
const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const createdAt = () => moment('created_at').notNull().defaultNow()
const updatedAt = () => moment('updated_at').notNull().defaultNow()

export const galleryAlbums = pgTable('gallery_albums', {
  id: id(),
  userId: text('user_id').notNull(),
  title: text('title').notNull(),
  description: text('description'),
  coverImageId: uuid('cover_image_id'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const galleryImages = pgTable('gallery_images', {
  id: id(),
  userId: text('user_id').notNull(),
  albumId: uuid('album_id'),
  title: text('title').notNull(),
  description: text('description'),
  tags: tags(),
  imageUrl: text('image_url').notNull(),
  thumbnailUrl: text('thumbnail_url'),
  flagged: boolean('flagged').notNull().default(false),
  search: search(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const galleryFlags = pgTable('gallery_flags', {
  id: id(),
  imageId: uuid('image_id').notNull(),
  userId: text('user_id').notNull(),
  reason: text('reason').notNull(),
  status: text('status', { enum: ['pending', 'upheld', 'dismissed'] })
    .notNull()
    .default('pending'),
  createdAt: createdAt(),
  reviewedAt: moment('reviewed_at'),
})

export const mocInstructions = pgTable('moc_instructions', {
  id: id(),
  userId: text('user_id').notNull(),
  title: text('title').notNull(),
  description: text('description'),
  author: text('author'),
  theme: text('theme'),
  tags: tags(),
  thumbnailUrl: text('thumbnail_url'),
  status: text('status', { enum: ['draft', 'complete'] })
    .notNull()
    .default('draft'),
  totalPieceCount: integer('total_piece_count').notNull().default(0),
  search: search(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const FILE_KINDS = ['instruction', 'parts-list', 'thumbnail', 'other'] as const

export const mocFiles = pgTable('moc_files', {
  id: id(),
  mocId: uuid('moc_id').notNull(),
  kind: text('kind', { enum: FILE_KINDS }).notNull(),
  fileName: text('file_name').notNull(),
  mimeType: text('mime_type').notNull(),
  sizeBytes: integer('size_bytes').notNull(),
  content: bytea('content').notNull(),
  createdAt: createdAt(),
})

export const mocPartsLists = pgTable('moc_parts_lists', {
  id: id(),
  mocId: uuid('moc_id').notNull(),
  title: text('title').notNull(),
  format: text('format', { enum: ['bricklink-xml', 'rebrickable-csv'] }).notNull(),
  parts: jsonb('parts').$type<Part[]>().notNull(),
  lotCount: integer('lot_count').notNull(),
  pieceCount: integer('piece_count').notNull(),
  acquiredCount: integer('acquired_count').notNull().default(0),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const mocGalleryImages = pgTable(
  'moc_gallery_images',
  { mocId: uuid('moc_id').notNull(), galleryImageId: uuid('gallery_image_id').notNull() },
  (table) => [primaryKey({ columns: [table.mocId, table.galleryImageId] })],
)

export const mocGalleryAlbums = pgTable(
  'moc_gallery_albums',
  { mocId: uuid('moc_id').notNull(), galleryAlbumId: uuid('gallery_album_id').notNull() },
  (table) => [primaryKey({ columns: [table.mocId, table.galleryAlbumId] })],
)

export const wishlistItems = pgTable('wishlist_items', {
  id: id(),
  userId: text('user_id').notNull(),
  title: text('title').notNull(),
  description: text('description'),
  productLink: text('product_link'),
  imageUrl: text('image_url'),
  category: text('category'),
  sortOrder: integer('sort_order').notNull(),
  quantity: integer('quantity').notNull().default(1),
  price: numeric('price', { precision: 10, scale: 2 }),
  isAcquired: boolean('is_acquired').notNull().default(false),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const wishlistReorders = pgTable('wishlist_reorders', {
  userId: text('user_id').primaryKey(),
  itemIds: uuid('item_ids').array().notNull(),
  requestedAt: moment('requested_at').notNull().defaultNow(),
  dueAt: moment('due_at').notNull(),
})

export const userProfiles = pgTable('user_profiles', {
  userId: text('user_id').primaryKey(),
  displayName: text('display_name').notNull(),
  bio: text('bio'),
  avatarUrl: text('avatar_url'),
  location: text('location'),
  preferences: jsonb('preferences').$type<Record<string, unknown>>().notNull().default({}),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})
