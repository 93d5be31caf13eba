import { createPool, EmbeddedPostgres, freePort, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { proveRoundTrips, refuseLosses, resolveTables, type TableSpec } from './index.ts'

let server: EmbeddedPostgres
let source: Pool
let target: Pool
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  source = createPool(await server.createDatabase('source'), { name: 'test' })
  target = createPool(await server.createDatabase('target'), { name: 'test' })
  await source.query(`
    CREATE TYPE public.size AS ENUM ('small', 'LARGE');
    CREATE TABLE public.ware (
      id int PRIMARY KEY, owner text, name text NOT NULL, tag text, price numeric(10,2), size public.size,
      theme text CHECK (theme IN ('City', 'Space')), at timestamp, words text[], born text)`)
  await target.query(`
    CREATE TABLE public.ware (
      id bigint PRIMARY KEY, owner text, name text NOT NULL, tag text, cents bigint, size text,
      theme text, at timestamptz, words text, born text)`)
  await source.query(
    `INSERT INTO public.ware (id, name, tag, price, born) SELECT n, 'n' || n, 't', n, '2001-01-01' FROM generate_series(1, 3000) n`,
  )
})
afterAll(async () => {
  await source.end()
  await target.end()
  await server.stop()
})

const names = ['id', 'owner', 'name', 'tag', 'size', 'theme', 'at', 'born']
const plain = Object.fromEntries(names.map((name) => [name, name]))
const cents = { from: ['price'], sql: '(price * 100)::bigint' }
const price = { from: ['cents'], sql: 'cents::numeric / 100' }
const words = { from: ['words'], sql: 'words::text' }
const wordsBack = { from: ['words'], sql: 'words::text[]' }
const ware: TableSpec = {
  source: 'public.ware',
  target: 'public.ware',
  owner: 'owner',
  forward: {
    ...plain,
    cents,
    words,
    theme: { from: ['theme'], sql: `CASE theme WHEN 'City' THEN 'c' WHEN 'Space' THEN 's' END` },
  },
  backward: {
    price,
    words: wordsBack,
    theme: { from: ['theme'], sql: `CASE theme WHEN 'c' THEN 'City' WHEN 's' THEN 'Space' END` },
  },
  holds: [`price <> 'NaN'`],
}

async function prove(spec: TableSpec) {
  const tables = await resolveTables(source, target, [spec])
  const [trip] = await proveRoundTrips(source, target, tables)
  return { trip: trip!, refuse: () => refuseLosses(tables, [trip!]) }
}

describe('the round trip of a mapping', () => {
  it('is proven on made-up values of every column that is computed or changes its type, and on rows', async () => {
    const { trip, refuse } = await prove(ware)
    expect(trip.losses).toEqual([])
    // A target column of another type is tried as well.
    expect(trip.columns).toEqual(['id', 'price', 'size', 'theme', 'at', 'words'])
    expect(trip.generated).toBeGreaterThan(500)
    expect(trip.sampled).toBeGreaterThan(400)
    refuse()
  })

  it.each(['source', 'target'] as const)('is not judged while the %s is away', async (away) => {
    const tables = await resolveTables(source, target, [ware])
    const nobody = createPool(`postgres://postgres@127.0.0.1:${await freePort()}/nobody`, {
      name: 'test',
    })
    const sides = away === 'source' ? [nobody, target] : [source, nobody]
    await expect(proveRoundTrips(sides[0]!, sides[1]!, tables)).rejects.toThrow('ECONNREFUSED')
    await nobody.end()
  })

  it('reads no more of a large table than it was told to', async () => {
    const tables = await resolveTables(source, target, [ware])
    const [trip] = await proveRoundTrips(source, target, tables, { sampleRows: 50 })
    expect(trip!.sampled).toBeGreaterThan(10)
    expect(trip!.sampled).toBeLessThanOrEqual(60)
  })

  it.each<[string, Partial<TableSpec>, string, RegExp]>([
    ['a value that the database refuses', { holds: [] }, 'price', /NaN.*bigint/],
    [
      'digits that are cut',
      { backward: { ...ware.backward, price: { from: ['cents'], sql: 'cents / 100' } } },
      'price',
      /comes back as/,
    ],
    [
      'letters that change their case, in real rows and without showing them',
      {
        forward: {
          ...ware.forward,
          born: { from: ['born'], sql: `to_char(born::date, 'DD.MM.YYYY')` },
        },
        backward: { ...ware.backward, born: { from: ['born'], sql: 'born' } },
      },
      'born',
      /a row, of the shape '0000-00-00', .*of the shape '00\.00\.0000'/,
    ],
    [
      'NULL that becomes a text',
      {
        forward: { ...ware.forward, tag: { from: ['tag'], sql: `coalesce(tag, '')` } },
        backward: { ...ware.backward, tag: { from: ['tag'], sql: 'tag' } },
      },
      'tag',
      /a generated value, NULL, .*comes back as ''/,
    ],
    [
      'white space that is trimmed',
      {
        forward: { ...ware.forward, name: { from: ['name'], sql: 'btrim(name)' } },
        backward: { ...ware.backward, name: { from: ['name'], sql: 'name' } },
      },
      'name',
      /does not survive/,
    ],
  ])('is refused for %s', async (_, change, column, message) => {
    const { trip, refuse } = await prove({ ...ware, ...change })
    expect(trip.losses.map((loss) => loss.column)).toEqual([column])
    expect(refuse).toThrow(message)
    expect(refuse).toThrow(`table public.ware, column "${column}"`)
  })

  it('may be declared one way, with a reason that is told', async () => {
    const declared = { ...ware, holds: [], oneWay: { price: 'nobody has a price of NaN' } }
    const { trip, refuse } = await prove(declared)
    expect(trip.losses).toHaveLength(1)
    refuse()
    const [table] = await resolveTables(source, target, [declared])
    expect(table!.oneWay).toEqual(['public.ware.price: nobody has a price of NaN'])
    const wrong = { ...ware, oneWay: { prize: 'x' } }
    await expect(resolveTables(source, target, [wrong])).rejects.toThrow(
      /no column "prize"; near: "price"/,
    )
  })
})
