import { createPool, EmbeddedPostgres, type Pool, transaction } from '@banyan/postgres'
import { gt, sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { integer, pgSchema } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { madeOnce } from './made-once.ts'

const numbers = pgSchema('toys').table('numbers', { n: integer('n').primaryKey() })

let server: EmbeddedPostgres
let pool: Pool
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  pool = createPool(await server.createDatabase('made'), { name: 'made', max: 2, prepared: true })
  await pool.query(
    'CREATE SCHEMA toys; CREATE TABLE toys.numbers AS SELECT n FROM generate_series(1, 5) n',
  )
})
afterAll(async () => {
  await pool?.end()
  await server?.stop()
})

it('makes a statement once for each database, whatever is asked with it, and leaves its name to the pool', async () => {
  let made = 0
  const after = madeOnce((db: NodePgDatabase) => {
    made++
    return db
      .select()
      .from(numbers)
      .where(gt(numbers.n, sql.placeholder('n')))
      .orderBy(numbers.n)
  })
  const db = drizzle(pool)
  for (let n = 0; n < 4; n++) expect(await after(db).execute({ n: 4 - n })).toHaveLength(n + 1)
  expect(made).toBe(1)
  await transaction(pool, async (client) => {
    await client.query('INSERT INTO toys.numbers VALUES (6)')
    const within = drizzle(client)
    expect(await after(within).execute({ n: 4 })).toEqual([{ n: 5 }, { n: 6 }])
    expect(await after(db).execute({ n: 4 })).toEqual([{ n: 5 }])
    expect(made).toBe(2)
    await client.query('ROLLBACK AND CHAIN')
  })
  const client = await pool.connect()
  const { rows } = await client.query(`SELECT name FROM pg_prepared_statements
    WHERE statement NOT IN ('BEGIN', 'COMMIT')`)
  client.release()
  expect(rows).toEqual([{ name: expect.stringMatching(/^banyan_/) }])
})
