import { sql } from 'drizzle-orm'
import { boolean, pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'

const gallery = pgSchema('gallery')

const id = () => uuid('id').primaryKey().defaultRandom()
const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const createdAt = () => moment('created_at').notNull().defaultNow()
const updatedAt = () => moment('updated_at').notNull().defaultNow()

export const albums = gallery.table('albums', {
  id: id(),
  ownerId: text('owner_id').notNull(),
  title: text('title').notNull(),
  description: text('description'),
  coverImageId: uuid('cover_image_id'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const images = gallery.table('images', {
  id: id(),
  ownerId: text('owner_id').notNull(),
  albumId: uuid('album_id'),
  title: text('title').notNull(),
  description: text('description'),
  tags: text('tags').array().notNull().default(sql`'{}'`),
  imageUrl: text('image_url').notNull(),
  thumbnailUrl: text('thumbnail_url'),
  flagged: boolean('flagged').notNull().default(false),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const flags = gallery.table('flags', {
  id: id(),
  imageId: uuid('image_id').notNull(),
  flaggedBy: text('flagged_by').notNull(),
  reason: text('reason').notNull(),
  status: text('status', { enum: ['pending', 'upheld', 'dismissed'] })
    .notNull()
    .default('pending'),
  createdAt: createdAt(),
  reviewedAt: moment('reviewed_at'),
})
