import { fileURLToPath } from 'node:url'
import { createPool, EmbeddedPostgres, migrate, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lineOf } from '../formats/entry.ts'
import type { Lot } from '../formats/lots.ts'
import { Catalogue } from './catalogue.ts'
import { importCatalogue } from './import.ts'

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const SOURCES = {
  dumps: path('fixtures/catalogue'),
  colours: [path('fixtures/colours.json')],
  partIds: [path('fixtures/part-ids.json')],
}

const lot = (given: Partial<Lot>): Lot =>
  lineOf({ line: 1, quantity: 1, colour: null, ...given }) as unknown as Lot
const bricklink = (id: string, colour = 5) =>
  lot({ ids: { bricklink: id }, colour: { system: 'bricklink', id: colour } })

describe('the catalogue', () => {
  let server: EmbeddedPostgres
  let pool: Pool
  let catalogue: Catalogue
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
    pool = createPool(await server.createDatabase('processing'), { name: 'test', max: 3 })
    await pool.query('CREATE SCHEMA processing')
    await migrate(pool, 'processing', path('migrations'))
    await importCatalogue(pool, SOURCES)
    catalogue = new Catalogue(pool)
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })

  /** `part colour match`, or why not, with what is suggested. */
  const resolve = (...lots: Lot[]) => resolveIn(catalogue, lots)
  const resolveIn = async (asked: Catalogue, lots: readonly Lot[]) =>
    (await asked.resolve(lots))?.map(({ resolution, suggestions }) =>
      'unresolved' in resolution
        ? [resolution.unresolved, ...suggestions.map(({ id }) => id)].join(' ')
        : `${resolution.part} ${resolution.colour} ${resolution.match}${resolution.ambiguousColour ? ' ambiguous' : ''}`,
    )

  it('is what the dumps say, however often they are imported', async () => {
    await pool.query(`DELETE FROM processing.parts WHERE part_num = '3001';
      UPDATE processing.colours SET name = 'Rot' WHERE id = 4;
      INSERT INTO processing.elements VALUES ('1', 'gone', 4)`)
    const mended = await importCatalogue(pool, SOURCES)
    expect(mended.parts).toEqual({ rows: 12, written: 1, removed: 0 })
    expect(mended.colours).toEqual({ rows: 7, written: 1, removed: 0 })
    expect(mended.elements).toEqual({ rows: 3, written: 0, removed: 1 })
    const again = await importCatalogue(pool, SOURCES)
    for (const { rows, written, removed } of Object.values(again)) {
      expect([rows > 0, written, removed]).toEqual([true, 0, 0])
    }
    const { rows } = await pool.query(`SELECT name FROM processing.parts WHERE part_num = '3069b'`)
    expect(rows).toEqual([{ name: 'Tile 1 x 2, with Groove' }])
  })

  it('leaves the catalogue as it was when a file is missing', async () => {
    await expect(importCatalogue(pool, { ...SOURCES, dumps: path('fixtures') })).rejects.toThrow(
      /neither part_categories.csv nor part_categories.csv.gz/,
    )
    expect(await resolve(bricklink('3001'))).toEqual(['3001 4 exact'])
  })

  it('finds parts exactly, by alias, mould, map and element id, in this order', async () => {
    expect(
      await resolve(
        bricklink('3001', 11),
        bricklink('4073'),
        bricklink('3068'),
        bricklink('3665b'),
        bricklink('3003old'),
        lot({ ids: { ldraw: '99781ld' }, colour: { system: 'ldraw', id: 4 } }),
        lot({ ids: { rebrickable: '6016172' }, colour: { system: 'rebrickable', id: 9999 } }),
        lot({ element: '300126' }),
      ),
    ).toEqual([
      '3001 0 exact',
      '6141 4 alias',
      '3068b 4 alias',
      '3665 4 alias',
      '3003 4 bricklink',
      '99781 4 ldraw',
      '99781 71 element',
      '3001 0 element',
    ])
  })

  it("believes a system's own map where its number is another part's here", async () => {
    expect(await resolve(bricklink('20286b'))).toEqual(['20286a 4 bricklink'])
    const rebrickable = lot({ ids: { rebrickable: '20286b' }, colour: null })
    expect(await resolve(rebrickable)).toEqual(['20286b null exact'])
  })

  it('translates colours by table alone, and says where a number is ambiguous', async () => {
    const named = (name: string) =>
      lot({ ids: { rebrickable: '3001' }, colour: { system: 'name', name } })
    expect(
      await resolve(
        bricklink('3001', 0),
        bricklink('3001', 77),
        bricklink('3001', 112),
        named('light bluish grey'),
        named('Mauve'),
      ),
    ).toEqual([
      '3001 9999 exact',
      '3001 148 exact ambiguous',
      'UNKNOWN_COLOUR 0 4',
      '3001 71 exact',
      'UNKNOWN_COLOUR 0 4',
    ])
  })

  it('says what it does not know, and what may be meant', async () => {
    expect(
      await resolve(
        bricklink('3957'),
        bricklink('x%_'),
        lot({ element: '1' }),
        lot({ name: 'A candle' }),
        lot({ type: 'set', ids: { bricklink: '6080-1' } }),
      ),
    ).toEqual([
      'UNKNOWN_PART 3957a 3957b',
      'UNKNOWN_PART',
      'UNKNOWN_ELEMENT',
      'NO_ID',
      'NOT_A_PART',
    ])
  })

  it('finds what an import has changed, though it had looked before, and what anybody else has', async () => {
    const candle = lot({ element: '6016172' })
    const mauve = lot({
      ids: { rebrickable: '3001' },
      colour: { system: 'name', name: 'Mauve' },
    })
    const before = ['3001 4 exact', '99781 71 element', 'UNKNOWN_COLOUR 0 4']
    expect(await resolve(bricklink('3001'), candle, mauve)).toEqual(before)
    await pool.query(`DELETE FROM processing.parts WHERE part_num = '3001';
      UPDATE processing.elements SET colour_id = 4 WHERE element_id = '6016172';
      UPDATE processing.colours SET name = 'Mauve' WHERE id = 4`)
    const between = await resolve(bricklink('3001'), candle, bricklink('3003'), mauve)
    expect(between?.slice(1)).toEqual(['99781 4 element', '3003 4 exact', 'UNKNOWN_PART'])
    await importCatalogue(pool, SOURCES)
    expect(await resolve(bricklink('3001'), candle, mauve)).toEqual(before)
    await pool.query('BEGIN; TRUNCATE processing.parts; COMMIT')
    expect(await resolve(bricklink('3001'))).toBeUndefined()
    await importCatalogue(pool, SOURCES)
    expect(await resolve(bricklink('3001'))).toEqual(['3001 4 exact'])
  })

  it('does not find what is imported and not committed, and not the former once it is', async () => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await client.query(
        `UPDATE processing.elements SET colour_id = 4 WHERE element_id = '6016172'`,
      )
      const element = lot({ element: '6016172' })
      expect(await resolve(element)).toEqual(['99781 71 element'])
      await client.query('COMMIT')
      expect(await resolve(element)).toEqual(['99781 4 element'])
      await importCatalogue(pool, SOURCES)
      expect(await resolve(element)).toEqual(['99781 71 element'])
    } finally {
      client.release()
    }
  })

  it('asks the database for what it has not looked up lately, and keeps no more than it may', async () => {
    let asked: readonly string[] = []
    const db = {
      query: (text: string, values?: unknown[]) => {
        if (text.includes('processing.part_ids')) asked = [...asked, ...(values![0] as string[])]
        return pool.query(text, values)
      },
    } as unknown as Pool
    const small = new Catalogue(db, 2)
    const askedFor = async (...ids: string[]) => {
      asked = []
      const found = await resolveIn(
        small,
        ids.map((id) => bricklink(id)),
      )
      expect(found).toEqual(await resolve(...ids.map((id) => bricklink(id))))
      return ids.filter((id) => asked.includes(id))
    }
    expect(await askedFor('3001', '3003', '3001')).toEqual(['3001', '3003', '3001'])
    expect(await askedFor('3001', '3003')).toEqual([])
    expect(await askedFor('4073', '3003')).toEqual(['4073'])
    expect(await askedFor('3001')).toEqual(['3001'])
    expect(await askedFor('3001', '3003', '4073', '3957')).toEqual(['3003', '3957'])
    const long = '9'.repeat(60)
    expect(await askedFor('3001', '3003', long)).toEqual(['3001', long])
    expect(await askedFor(long, '3001', '3003')).toEqual([long])
  })
})
