import { integer, pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'

const schema = pgSchema('notes')

export const notes = schema.table('notes', {
  id: uuid('id').primaryKey().defaultRandom(),
  ownerId: text('owner_id').notNull(),
  body: text('body').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
})

export const tallies = schema.table('tallies', {
  ownerId: text('owner_id').primaryKey(),
  notes: integer('notes').notNull(),
})
