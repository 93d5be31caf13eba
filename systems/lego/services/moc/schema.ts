import { sql } from 'drizzle-orm'
import {
  bigint,
  customType,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'
import { CREATION_STATUSES, FILE_KINDS, type NewMoc, type Problem, READINGS } from './messages.ts'
import { FORMATS, type Part } from './parts/parts.ts'

const moc = pgSchema('moc')

const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })
const id = () => uuid('id').primaryKey().defaultRandom()
const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const createdAt = () => moment('created_at').notNull().defaultNow()
const updatedAt = () => moment('updated_at').notNull().defaultNow()
const links = (name: string) => jsonb(name).$type<readonly Link[]>().notNull().default([])

/** An element of a MOC's links: an object, since that is what rows are folded into. */
export interface Link {
  readonly id: string
}

export const mocs = moc.table('mocs', {
  id: id(),
  ownerId: text('owner_id').notNull(),
  title: text('title').notNull(),
  description: text('description'),
  author: text('author'),
  theme: text('theme'),
  tags: text('tags').array().notNull().default(sql`'{}'`),
  thumbnailUrl: text('thumbnail_url'),
  status: text('status', { enum: ['draft', 'complete'] })
    .notNull()
    .default('draft'),
  totalPieceCount: integer('total_piece_count').notNull().default(0),
  galleryImageIds: links('gallery_image_ids'),
  galleryAlbumIds: links('gallery_album_ids'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

/** As many MOCs as these changes are together. */
export const mocsCounted = moc.table('mocs_counted', {
  change: bigint('change', { mode: 'number' }).notNull(),
})

export const files = moc.table('files', {
  id: id(),
  mocId: uuid('moc_id').notNull(),
  kind: text('kind', { enum: FILE_KINDS }).notNull(),
  fileName: text('file_name').notNull(),
  mimeType: text('mime_type').notNull(),
  sizeBytes: integer('size_bytes').notNull(),
  content: bytea('content').notNull(),
  createdAt: createdAt(),
})

export const partsLists = moc.table('parts_lists', {
  id: id(),
  mocId: uuid('moc_id').notNull(),
  title: text('title').notNull(),
  format: text('format', { enum: FORMATS }).notNull(),
  parts: jsonb('parts').$type<Part[]>().notNull(),
  lotCount: integer('lot_count').notNull(),
  pieceCount: integer('piece_count').notNull(),
  acquiredCount: integer('acquired_count').notNull().default(0),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const pendingLinks = moc.table(
  'pending_links',
  {
    mocId: uuid('moc_id').notNull(),
    kind: text('kind', { enum: ['image', 'album'] }).notNull(),
    galleryId: uuid('gallery_id').notNull(),
    since: moment('since').notNull().defaultNow(),
    askAfter: moment('ask_after').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.mocId, table.kind, table.galleryId] })],
)

export const goneFromGallery = moc.table('gone_from_gallery', {
  id: uuid('id').primaryKey(),
  heardAt: moment('heard_at').notNull().defaultNow(),
})

export const creations = moc.table('creations', {
  mocId: uuid('moc_id').primaryKey(),
  ownerId: text('owner_id').notNull(),
  status: text('status', { enum: CREATION_STATUSES }).notNull().default('creating'),
  wanted: jsonb('wanted').$type<NewMoc>().notNull(),
  problem: jsonb('problem').$type<Problem>(),
  createdAt: createdAt(),
  endedAt: moment('ended_at'),
})

export const recentlyDeleted = moc.table('recently_deleted', {
  mocId: uuid('moc_id').primaryKey(),
  ownerId: text('owner_id').notNull(),
  deletedAt: moment('deleted_at').notNull().default(sql`clock_timestamp()`),
})

const fileOf = () => ({
  id: uuid('id').primaryKey(),
  mocId: uuid('moc_id').notNull(),
  kind: text('kind', { enum: FILE_KINDS }).notNull(),
  fileName: text('file_name').notNull(),
  mimeType: text('mime_type').notNull(),
  sizeBytes: integer('size_bytes').notNull(),
})

export const stagedFiles = moc.table('staged_files', {
  ...fileOf(),
  content: bytea('content').notNull(),
})

export const storedFiles = moc.table('stored_files', {
  ...fileOf(),
  jobId: uuid('job_id'),
  partsListId: uuid('parts_list_id'),
  reading: text('reading', { enum: READINGS }).notNull().default('none'),
  problem: text('problem'),
  createdAt: createdAt(),
})
