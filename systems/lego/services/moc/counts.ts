import { defineSchedule } from '@banyan/durable'
import { type SQL, sql } from 'drizzle-orm'
import type { Db } from './fail.ts'
import { mocs, mocsCounted } from './schema.ts'

/** How many MOCs there are that meet `where`; of all, without reading them (migrations/0006). */
export const totalOf = (db: Db, where: SQL | undefined): SQL<number> =>
  where
    ? db.$count(mocs, where)
    : sql`(SELECT coalesce(sum(${mocsCounted.change}), 0) FROM ${mocsCounted})`.mapWith(Number)

/** As often as keeps a sum of a few hundred changes, where tens of MOCs come and go a second. */
export const sumUpCounts = defineSchedule({
  name: 'sum up counts of MOCs',
  everyMs: 10_000,
  run: async (_, tx) => {
    await tx.query(`
      WITH gone AS (
        DELETE FROM moc.mocs_counted WHERE EXISTS (SELECT FROM moc.mocs_counted OFFSET 1)
        RETURNING change
      )
      INSERT INTO moc.mocs_counted (change) SELECT sum(change) FROM gone HAVING count(*) > 0`)
  },
})
