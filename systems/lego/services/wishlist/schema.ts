import {
  bigint,
  boolean,
  integer,
  pgSchema,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'
import type { ThemeCode } from './themes.ts'

const wishlist = pgSchema('wishlist')

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const items = wishlist.table('items', {
  id: uuid('id').primaryKey().defaultRandom(),
  ownerId: text('owner_id').notNull(),
  title: text('title').notNull(),
  notes: text('notes'),
  productUrl: text('product_url'),
  imageUrl: text('image_url'),
  theme: text('theme').$type<ThemeCode>(),
  position: integer('position').notNull(),
  quantity: smallint('quantity').notNull().default(1),
  priceCents: bigint('price_cents', { mode: 'number' }),
  acquired: boolean('acquired').notNull().default(false),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
})

export const pendingReorders = wishlist.table('pending_reorders', {
  ownerId: text('owner_id').primaryKey(),
  itemIds: uuid('item_ids').array().notNull(),
  requestedAt: moment('requested_at').notNull().defaultNow(),
  dueAt: moment('due_at').notNull(),
})
