/**
 * Reads the real part lists of a folder with the real catalogue, and holds what is found against
 * `part-lists.expected.json`; reads 200 MB of each kind of list in a process that may not grow.
 *
 *     npm run check:part-lists -- --data FOLDER
 *
 * FOLDER has `part-lists`, `lego-catalogue` (Rebrickable's dumps) and `colour-mapping`; SHARED_DATA will do.
 */
import { fork } from 'node:child_process'
import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { createPool, EmbeddedPostgres, migrate, type Pool } from '@banyan/postgres'
import { Catalogue } from '../catalogue/catalogue.ts'
import { importCatalogue } from '../catalogue/import.ts'
import { collectLots } from '../formats/lots.ts'
import { openPartList } from '../formats/part-list.ts'
import { MEMORY_CASES, type MemoryReport } from './memory-cases.ts'

interface Expected {
  readonly lots: number
  readonly pieces: number
  readonly spares: number
  readonly skipped: number
  readonly problemLines: readonly number[]
  readonly unresolvedLots: number
  readonly unresolvedPieces: number
  readonly checksum: number | null
}

/** What a process that reads a list may hold beside what it holds anyway, bytes. */
const MOST_GROWTH = 160 * 1024 * 1024

const { values } = parseArgs({ options: { data: { type: 'string' } } })
const data = values.data ?? process.env.SHARED_DATA
if (!data || !existsSync(join(data, 'part-lists'))) {
  console.error('Give --data FOLDER: the folder with part-lists, lego-catalogue, colour-mapping')
  process.exit(2)
}
const good = [await checkLists(data), await checkMemory()].every(Boolean)
process.exitCode = good ? 0 : 1

async function checkLists(folder: string): Promise<boolean> {
  const table = new URL('part-lists.expected.json', import.meta.url)
  const expected = JSON.parse(await readFile(table, 'utf8')) as Record<string, Expected>
  const lists = join(folder, 'part-lists')
  const files = readdirSync(lists, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(lists.length + 1))
  const names = [...new Set([...files, ...Object.keys(expected)])].sort()
  const server = await EmbeddedPostgres.start()
  const pool = createPool(await server.createDatabase('processing'), { name: 'check', max: 3 })
  try {
    await fillCatalogue(pool, folder)
    const catalogue = new Catalogue(pool)
    let differing = 0
    for (const name of names) {
      const given = existsSync(join(lists, name))
        ? await read(catalogue, join(lists, name))
        : 'no file'
      if (isDeepStrictEqual(given, expected[name])) continue
      differing++
      console.log(`${name}: expected ${JSON.stringify(expected[name])}`)
      console.log(`${name}: given    ${JSON.stringify(given)}`)
    }
    console.log(`${names.length} files, ${differing} differ from the table`)
    return differing === 0
  } finally {
    await pool.end()
    await server.stop()
  }
}

async function fillCatalogue(pool: Pool, folder: string): Promise<void> {
  const migrations = fileURLToPath(new URL('../migrations', import.meta.url))
  await pool.query('CREATE SCHEMA processing')
  await migrate(pool, 'processing', migrations)
  const mapping = join(folder, 'colour-mapping')
  const sources = {
    dumps: join(folder, 'lego-catalogue'),
    colours: ['frb_rebr_colors.json', 'brickops_rebrickable_colors.json'].map((name) =>
      join(mapping, name),
    ),
    partIds: [join(mapping, 'frb_partList.json.gz')],
  }
  for (const time of ['first', 'second']) {
    const began = performance.now()
    const report = await importCatalogue(pool, sources)
    const rows = Object.values(report).reduce((sum, table) => sum + table.rows, 0)
    const written = Object.values(report).reduce((sum, table) => sum + table.written, 0)
    const ms = Math.round(performance.now() - began)
    console.log(`${time} import: ${rows} rows, ${written} written, ${ms} ms`)
  }
}

async function read(catalogue: Catalogue, file: string): Promise<Expected | string> {
  const { entries } = await openPartList(createReadStream(file))
  const lots = await collectLots(entries)
  const { totals } = lots
  const resolved = (await catalogue.resolve([...lots.lots()])) ?? []
  const unresolved = resolved.filter(({ resolution }) => 'unresolved' in resolution)
  if (totals.checksum?.agrees === false) return 'the checksum does not agree'
  return {
    lots: totals.lots,
    pieces: totals.pieces,
    spares: totals.spares,
    skipped: Object.values(totals.skipped).reduce((sum, count) => sum + count, 0),
    problemLines: lots.problems.map(({ line }) => line),
    unresolvedLots: unresolved.length,
    unresolvedPieces: unresolved.reduce((sum, { lot }) => sum + lot.quantity, 0),
    checksum: totals.checksum?.pieces ?? null,
  }
}

async function checkMemory(): Promise<boolean> {
  let within = true
  for (const name of Object.keys(MEMORY_CASES)) {
    const { outcome, grewBytes, ms } = await inChild(name)
    const good = grewBytes < MOST_GROWTH && outcome === MEMORY_CASES[name]!.outcome
    within &&= good
    const grew = Math.round(grewBytes / 1024 / 1024)
    console.log(`${name}: ${outcome}, grew by ${grew} MiB, ${ms} ms${good ? '' : ': NOT GOOD'}`)
  }
  return within
}

function inChild(name: string): Promise<MemoryReport> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('memory-child.ts', import.meta.url), [name])
    child.on('message', (report) => resolve(report as MemoryReport))
    child.on('exit', (code) => reject(new Error(`${name}: ended with ${code}`)))
  })
}
