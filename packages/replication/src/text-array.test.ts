import { EmbeddedPostgres } from '@banyan/postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { randomFrom, seed } from './testing/pair.ts'
import { textArray } from './text-array.ts'

let server: EmbeddedPostgres
let client: pg.Client
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  client = new pg.Client({ connectionString: server.url() })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await server.stop()
})

async function roundTrip(values: readonly (string | null | undefined)[]) {
  const { rows } = await client.query(
    'SELECT $1::text[] AS back, array_lower($1::text[], 1) AS l',
    [
      textArray(
        values.map((value) => ['other', value]),
        1,
      ),
    ],
  )
  expect(rows[0].l).toBe(values.length === 0 ? null : 1)
  return rows[0].back
}

it('carries every text as it is, and NULL for what is absent', async () => {
  expect(await roundTrip([])).toEqual([])
  expect(await roundTrip([null, 'NULL', '', undefined])).toEqual([null, 'NULL', '', null])
  const odd = ['{}', '"', '\\', 'a,b', ' ', '\t\n\r\b', 'é', '漢字', '🌳', '🌳é"\\', '\u0001']
  expect(await roundTrip(odd)).toEqual(odd)
})

it('has room for any mixture of characters of one to four bytes', async () => {
  const random = randomFrom(seed('text array'))
  const alphabet = ['a', 'é', '漢', '🌳', '"', '\\']
  for (let round = 0; round < 60; round++) {
    const wide = random() < 0.5 ? alphabet : alphabet.slice(0, 1 + Math.floor(random() * 5))
    const values = Array.from({ length: Math.floor(random() * 40) }, () =>
      random() < 0.1
        ? null
        : Array.from(
            { length: Math.floor(random() ** 4 * 300) },
            () => wide[Math.floor(random() * wide.length)],
          ).join(''),
    )
    expect(await roundTrip(values)).toEqual(values)
  }
})
