import { randomUUID } from 'node:crypto'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createPool, EmbeddedPostgres, migrate, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LotFound } from '../messages.ts'
import { readLots, writeLots } from './lot-pages.ts'

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url))
const ALL = { after: -1, limit: Number.POSITIVE_INFINITY, unresolved: false }

const plain: LotFound = {
  line: 1,
  type: 'part',
  ids: { bricklink: '3001' },
  element: null,
  colour: { system: 'bricklink', id: 5 },
  quantity: 1,
  spare: false,
  name: null,
  remarks: null,
  part: '3001',
  partColour: 4,
  match: 'exact',
  ambiguousColour: false,
  unresolved: null,
  suggestions: [],
}
/** Every field in each way that it may be. */
const VARIED: readonly LotFound[] = [
  plain,
  { ...plain, ids: { rebrickable: 'a', ldraw: 'b' }, colour: null, spare: true },
  { ...plain, ids: {}, element: '300121', colour: { system: 'name', name: 'Red\n"x"' } },
  { ...plain, type: 'set', name: 'Größe \u{1F9F1}', remarks: '\\n\t', quantity: 0 },
  { ...plain, part: null, partColour: null, match: null, unresolved: 'UNKNOWN_PART' },
  { ...plain, suggestions: [{ id: '3957a', name: 'Antenna' }], unresolved: 'UNKNOWN_COLOUR' },
]

describe('the lots of a job', () => {
  let server: EmbeddedPostgres
  let pool: Pool
  const newJob = async () => {
    const id = randomUUID()
    await pool.query(
      `INSERT INTO processing.jobs (id, owner_id, options) VALUES ($1, 'ada', '{}')`,
      [id],
    )
    return id
  }
  const written = async (lots: readonly LotFound[]) => {
    const jobId = await newJob()
    await writeLots(pool, jobId, lots)
    return jobId
  }
  const lotsOf = async (jobId: string) => (await readLots(pool, jobId, ALL)).map(({ lot }) => lot)

  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
    pool = createPool(await server.createDatabase('processing'), { name: 'test', max: 3 })
    await pool.query('CREATE SCHEMA processing')
    await migrate(pool, 'processing', MIGRATIONS)
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })

  it('are read as they were written, each by itself and together', async () => {
    for (const lots of [[], ...VARIED.map((lot) => [lot]), VARIED]) {
      expect(await lotsOf(await written(lots))).toEqual(lots)
    }
    for (const lot of VARIED) expect(LotFound.parse(lot)).toEqual(lot)
  })

  it.each([500, 501, 2_000, 2_001, 4_200])(
    'are read in pages of any size, of %i',
    async (count) => {
      const lots = Array.from({ length: count }, (_, at) => {
        return { ...VARIED[at % 700 === 0 ? 4 : at % 4]!, line: at + 1 }
      })
      const jobId = await written(lots)
      expect(await lotsOf(jobId)).toEqual(lots)
      for (const limit of [1, 300, 1_000]) {
        for (const after of [-1, 0, 498, 499, 500, count - 2, count - 1, count]) {
          const page = await readLots(pool, jobId, { after, limit, unresolved: false })
          expect(page.map(({ lot }) => lot)).toEqual(lots.slice(after + 1, after + 1 + limit))
          expect(page.map(({ position }) => position + 1)).toEqual(page.map(({ lot }) => lot.line))
        }
      }
      const unknown = lots.filter(({ unresolved }) => unresolved !== null)
      const some = await readLots(pool, jobId, { after: 0, limit: 3, unresolved: true })
      expect(some.map(({ lot }) => lot)).toEqual(unknown.slice(1, 4))
    },
  )

  it('that were written as rows before are still there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
    const former = createPool(await server.createDatabase('former'), { name: 'test', max: 3 })
    try {
      await cp(MIGRATIONS, folder, {
        recursive: true,
        filter: (from) => !/000[4-9]_/.test(from),
      })
      await former.query('CREATE SCHEMA processing')
      await migrate(former, 'processing', folder)
      const { rows } = await former.query<{ id: string }>(
        `INSERT INTO processing.jobs (owner_id, options) VALUES ('ada', '{}'), ('bob', '{}') RETURNING id`,
      )
      const lots = Array.from({ length: 1_201 }, (_, at) => {
        return { ...VARIED[at % VARIED.length]!, line: at + 1 }
      })
      await former.query(
        `INSERT INTO processing.job_lots SELECT $1, place - 1, value
         FROM unnest($2::jsonb[]) WITH ORDINALITY AS new (value, place)`,
        [rows[0]!.id, lots.map((lot) => JSON.stringify(lot))],
      )
      await migrate(former, 'processing', MIGRATIONS)
      const read = await readLots(former, rows[0]!.id, ALL)
      expect(read.map(({ lot }) => lot)).toEqual(lots)
      expect(read.map(({ position }) => position)).toEqual(lots.map((_, at) => at))
      expect(await readLots(former, rows[0]!.id, { ...ALL, after: 700, unresolved: true })).toEqual(
        read.filter(({ lot, position }) => position > 700 && lot.unresolved !== null),
      )
      expect(await readLots(former, rows[1]!.id, ALL)).toEqual([])
    } finally {
      await former.end()
      await rm(folder, { recursive: true })
    }
  })
})
