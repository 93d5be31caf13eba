import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { seed } from './testing/pair.ts'
import { typeTrip } from './testing/type-trip.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

it('values of every type come back from the target octet by octet, whatever the databases are set to', async () => {
  const report = await typeTrip({ server, seed: seed('types'), valuesPerType: 24 })
  expect(report.findings).toEqual([])
  expect(report.mismatches).toBe(0)
  expect(report.types).toBeGreaterThanOrEqual(60)
  expect(report.values).toBeGreaterThan(2_000)
})
