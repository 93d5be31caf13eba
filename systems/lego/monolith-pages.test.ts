import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { asc, gt } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgSchema, text } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { offsetOf, readPage } from './monolith-pages.ts'

const bricks = pgSchema('toys').table('bricks', {
  id: integer('id').primaryKey(),
  name: text('name').notNull(),
})

let server: EmbeddedPostgres
let pool: Pool
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  pool = createPool(await server.createDatabase('pages'), { name: 'test' })
  await pool.query(
    'CREATE SCHEMA toys; CREATE TABLE toys.bricks (id int PRIMARY KEY, name text NOT NULL)',
  )
  await pool.query(`INSERT INTO toys.bricks SELECT n, 'brick ' || n FROM generate_series(1, 7) n`)
})
afterAll(async () => {
  await pool?.end()
  await server?.stop()
})

/** Bricks after the given one, three a page, and how many statements it took. */
async function bricksAfter(id: number, page: number) {
  let statements = 0
  const db = drizzle(pool, { logger: { logQuery: () => void statements++ } })
  const query = { page, limit: 3 }
  const where = gt(bricks.id, id)
  const total = db.$count(bricks, where)
  const selected = db
    .select({ row: { id: bricks.id, name: bricks.name }, total })
    .from(bricks)
    .where(where)
    .orderBy(asc(bricks.id))
    .limit(query.limit)
    .offset(offsetOf(query))
  return { ...(await readPage(query, selected, () => total)), statements }
}

it('reads a page and counts all rows in one statement', async () => {
  expect(await bricksAfter(2, 2)).toEqual({
    rows: [
      { id: 6, name: 'brick 6' },
      { id: 7, name: 'brick 7' },
    ],
    pagination: { page: 2, limit: 3, total: 5, totalPages: 2 },
    statements: 1,
  })
  expect(await bricksAfter(7, 1)).toEqual({
    rows: [],
    pagination: { page: 1, limit: 3, total: 0, totalPages: 0 },
    statements: 1,
  })
})

it('says how many there are past the end too', async () => {
  expect(await bricksAfter(2, 3)).toEqual({
    rows: [],
    pagination: { page: 3, limit: 3, total: 5, totalPages: 2 },
    statements: 2,
  })
})
