import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { claim, claimSql } from './claim.ts'
import { createStore, type Store } from './testing/store.ts'

let server: EmbeddedPostgres
let store: Store
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  store = await createStore(server)
})
afterAll(async () => {
  await store.close()
  await server.stop()
})

it('finds the rows of a claim by their place, and reads no table of ten thousand for them', async () => {
  await store.pool.query(
    `INSERT INTO durable.saga (id, name, version, input, headers, deadline)
     SELECT gen_random_uuid(), 'many', 1, '{}', '{}', now() FROM generate_series(1, 10000)`,
  )
  await store.pool.query('VACUUM ANALYZE durable.saga')
  const sql = claimSql(store.durable, {
    table: 'saga',
    ready: `state IN ('running', 'compensating') AND blocked IS NULL AND due_at <= now()`,
    order: 'due_at',
  })
  const { rows } = await store.pool.query<Record<string, string>>(`EXPLAIN ${sql}`, [500, 60_000])
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
  expect(plan).toContain('Tid Scan on saga')
  expect(plan).not.toContain('Seq Scan')

  const first = await claim(store.pool, sql, 500, 60_000)
  const second = await claim(store.pool, sql, 500, 60_000)
  const taken = [...first!.rows, ...second!.rows] as unknown as { id: string }[]
  expect(new Set(taken.map(({ id }) => id)).size).toBe(1_000)
  expect(Number(second!.token)).toBeGreaterThan(Number(first!.token))
})
