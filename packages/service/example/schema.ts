import { pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'

export const notes = pgSchema('notes').table('notes', {
  id: uuid('id').primaryKey().defaultRandom(),
  ownerId: text('owner_id').notNull(),
  body: text('body').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
})
