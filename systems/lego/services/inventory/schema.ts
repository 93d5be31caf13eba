import { bigint, integer, pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { SourceType } from './messages.ts'

const inventory = pgSchema('inventory')

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const items = inventory.table('items', {
  id: uuid('id').primaryKey().defaultRandom(),
  ownerId: text('owner_id').notNull(),
  sourceType: text('source_type').$type<SourceType>().notNull(),
  sourceId: text('source_id').notNull(),
  name: text('name').notNull(),
  partNumber: text('part_number').notNull().default(''),
  colorCode: text('color_code').notNull().default(''),
  totalCount: integer('total_count').notNull(),
  acquiredCount: integer('acquired_count').notNull().default(0),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
})

export const purchases = inventory.table('purchases', {
  id: uuid('id').primaryKey().defaultRandom(),
  itemId: uuid('item_id')
    .notNull()
    .references(() => items.id, { onDelete: 'cascade' }),
  quantity: integer('quantity').notNull(),
  costMinor: bigint('cost_minor', { mode: 'number' }),
  currency: text('currency'),
  vendor: text('vendor'),
  purchasedAt: moment('purchased_at').notNull().defaultNow(),
  createdAt: moment('created_at').notNull().defaultNow(),
})
