import { bigint, boolean, jsonb, pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { FileState, ImageFacts, Prefix, StoredVariant } from './messages.ts'

const storage = pgSchema('storage')

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const files = storage.table('files', {
  id: uuid('id').primaryKey(),
  attempt: uuid('attempt').notNull(),
  ownerId: text('owner_id').notNull(),
  prefix: text('prefix').$type<Prefix>().notNull(),
  fileName: text('file_name').notNull(),
  contentType: text('content_type').notNull(),
  watermark: boolean('watermark').notNull(),
  state: text('state').$type<FileState>().notNull(),
  size: bigint('size', { mode: 'number' }).notNull(),
  sha256: text('sha256'),
  scannedBy: text('scanned_by'),
  problem: text('problem'),
  image: jsonb('image').$type<ImageFacts>(),
  variants: jsonb('variants').$type<readonly StoredVariant[]>().notNull().default([]),
  expiresAt: moment('expires_at'),
  bytesGone: boolean('bytes_gone').notNull().default(false),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
})
