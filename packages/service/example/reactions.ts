import type { Hear } from '@banyan/service'
import { sql } from 'drizzle-orm'
import { NoteWritten } from './events.ts'
import * as tables from './schema.ts'

/** Keeps count of each user's notes. */
export function noteReactions(hear: Hear<typeof tables>): void {
  hear({
    name: 'tally',
    events: [NoteWritten],
    async handler({ payload: { ownerId } }, { db }) {
      const { tallies } = tables
      await db
        .insert(tallies)
        .values({ ownerId, notes: 1 })
        .onConflictDoUpdate({ target: tallies.ownerId, set: { notes: sql`${tallies.notes} + 1` } })
    },
  })
}
