import { integer, pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'

const schema = pgSchema('back_room')

/** To the millisecond, as JSON and cursors carry it. */
const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

export const storedThings = schema.table('stored_things', {
  id: uuid('id').primaryKey().defaultRandom(),
  ownerId: text('owner_id').notNull(),
  title: text('title').notNull(),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
})

/** How many each owner has added, ever. */
export const tallies = schema.table('tallies', {
  ownerId: text('owner_id').primaryKey(),
  added: integer('added').notNull(),
})
