import { defineSchedule } from '@banyan/durable'
import { type App, routeOptions } from '@banyan/service'
import { and, desc, eq, gt, inArray, sql } from 'drizzle-orm'
import { MOST_RECENT, mocApi, type RecentMocs } from './client.ts'
import type { Context } from './context.ts'
import type { Db } from './fail.ts'
import { summary, summaryView } from './mocs.ts'
import { creations, mocs, recentlyDeleted } from './schema.ts'

/** For so long whoever is told by events may not know yet (FR9.3). */
const RECENTLY = sql`now() - interval '10 seconds'`

/** For services that show somebody's MOCs, and hear of changes later than whoever made them. */
export function recentRoutes(app: App, { db }: Context): void {
  app.route({
    ...routeOptions(mocApi, 'recentMocs'),
    handler: ({ user }) => listRecent(db, user.userId),
  })
}

async function listRecent(db: Db, ownerId: string): Promise<RecentMocs> {
  const ids = db
    .select({ id: mocs.id })
    .from(mocs)
    .where(and(eq(mocs.ownerId, ownerId), gt(mocs.updatedAt, RECENTLY)))
    // A MOC with files is told of when its creation has ended, which may be long after its row was written.
    .union(
      db
        .select({ id: creations.mocId })
        .from(creations)
        .where(and(eq(creations.ownerId, ownerId), gt(creations.endedAt, RECENTLY))),
    )
  const [changed, deleted] = await Promise.all([
    db
      .select(summary)
      .from(mocs)
      .where(inArray(mocs.id, ids))
      .orderBy(desc(mocs.updatedAt), mocs.id)
      .limit(MOST_RECENT),
    db
      .select({ id: recentlyDeleted.mocId })
      .from(recentlyDeleted)
      .where(and(eq(recentlyDeleted.ownerId, ownerId), gt(recentlyDeleted.deletedAt, RECENTLY)))
      .orderBy(desc(recentlyDeleted.deletedAt), recentlyDeleted.mocId)
      .limit(MOST_RECENT),
  ])
  return { changed: changed.map(summaryView), deleted: deleted.map(({ id }) => id) }
}

/** Nobody asks for them after 10 s; a minute is for transactions that take their time. */
export const forgetDeleted = defineSchedule({
  name: 'forget deleted MOCs',
  everyMs: 60_000,
  run: async (_, tx) => {
    await tx.query(
      `DELETE FROM moc.recently_deleted WHERE deleted_at < now() - interval '1 minute'`,
    )
  },
})
