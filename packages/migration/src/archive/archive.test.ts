import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { movedTables, resolveExtraction } from '../plan.ts'
import { allOf, codeOf, openShop, type Shop } from '../testing/shop.ts'
import { checkFiles } from './files.ts'
import { type Archive, openArchive } from './manifest.ts'
import { restoreArchive } from './restore.ts'
import { writeArchive } from './write.ts'

let server: EmbeddedPostgres
let folder: string
let shop: Shop
let source: Pool
let databases = 0

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  folder = await mkdtemp(join(tmpdir(), 'banyan-archive-'))
  const admin = createPool(server.url(), { name: 'test' })
  await admin.query('CREATE ROLE reader')
  await admin.end()
  shop = await openShop(server, 'shop')
  source = shop.pool
})
afterAll(async () => {
  await source.end()
  await server.stop()
  await rm(folder, { recursive: true })
})

const archive = (to: string, onProgress = async (_: unknown) => {}): Promise<Archive> =>
  writeArchive({
    plan: movedTables(resolveExtraction(shop.plan, 'orders')),
    databaseUrl: shop.url,
    folder: join(folder, to),
    onProgress,
  })

async function restored(from: string, prepare = '') {
  const url = await server.createDatabase(`restored_${++databases}`)
  const pool = createPool(url, { name: 'test' })
  if (prepare) await pool.query(prepare)
  try {
    return { pool, report: await restoreArchive(join(folder, from), url) }
  } catch (error) {
    await pool.end()
    throw error
  }
}

describe('an archive', () => {
  it('brings back every row byte for byte, and keys, indexes, sequences, triggers and rights', async () => {
    const written = await archive('whole')
    expect(written.manifest.tables.map(({ table, contents }) => [table, contents.rows])).toEqual([
      ['shop."Order"', 3],
      ['shop.line', 43],
      ['shop.event_new', expect.any(Number)],
      ['shop.event_old', expect.any(Number)],
      ['shop.nothing', 0],
    ])
    const { pool, report } = await restored(
      'whole',
      'CREATE SCHEMA shop; CREATE TABLE shop.customer (id int PRIMARY KEY); INSERT INTO shop.customer VALUES (1), (2)',
    )
    expect(report.skipped).toEqual([])
    expect(await allOf(pool)).toEqual(await allOf(source))
    const next = (db: Pool) =>
      db.query(`INSERT INTO shop."Order" (customer) VALUES (1) RETURNING id, "number"`)
    expect((await next(pool)).rows).toEqual([{ id: '4', number: 1015 }])
    await expect(pool.query(`INSERT INTO shop.line VALUES (99, 'a', 'b')`)).rejects.toMatchObject({
      code: '23503',
    })
    await pool.end()
  })

  it('says what it had to leave out, since what it refers to is not there', async () => {
    const { pool, report } = await restored('whole')
    expect(report.skipped).toEqual([
      {
        what: 'constraint "Order_customer_fkey" of shop."Order"',
        missing: ['table shop.customer'],
      },
    ])
    expect((await allOf(pool)).rows).toEqual((await allOf(source)).rows)
    await pool.end()
  })

  it('can be read by its owner only, and holds nothing half done', async () => {
    const names = await readdir(folder)
    expect(names.filter((name) => name.startsWith('.'))).toEqual([])
    const modes = await Promise.all(
      [folder, join(folder, 'whole', 'manifest.json')].map(
        async (path) => (await stat(path)).mode & 0o077,
      ),
    )
    expect(modes).toEqual([0, 0])
  })

  it('is not written over anything, nor good while somebody still writes the tables', async () => {
    await writeFile(join(folder, 'file'), '')
    expect(await codeOf(archive('whole'))).toContain(
      `ARCHIVE_REFUSED: "orders": ${join(folder, 'whole')}`,
    )
    expect(await codeOf(archive('file'))).toContain('cannot be written')
    expect(await codeOf(archive('no/such'))).toContain('make it first')
    const late = archive('late', async (done) => {
      if (done !== 'checking') return
      await source.query(`UPDATE shop.line SET what = 'new' WHERE order_id = 2`)
    })
    expect(await codeOf(late)).toContain(
      'rows of shop.line changed (43 now, 43 in the archive) while',
    )
    expect(await readdir(folder)).not.toContain('late')
  })

  it('is restored over nothing, and with all it needs or not at all', async () => {
    const there = restored('whole', 'CREATE SCHEMA shop; CREATE TABLE shop.line ()')
    expect(await codeOf(there)).toContain('RESTORE_REFUSED: shop.line is there already')
    const clash = restored('whole', `CREATE SCHEMA shop; CREATE TYPE shop.state AS ENUM ('other')`)
    expect(await codeOf(clash)).toMatch(/^(RESTORE_REFUSED|22P02)/)
  })

  it.each([
    [
      'a changed byte',
      (text: Buffer) =>
        Buffer.concat([text.subarray(0, -9), Buffer.from([text.at(-9)! ^ 1]), text.subarray(-8)]),
    ],
    ['a missing end', (text: Buffer) => text.subarray(0, text.length / 2)],
    ['another table’s rows', null],
    ['no file', undefined],
  ])('with %s is not believed, and nothing of it is kept', async (what, change) => {
    const copy = `with ${what}`
    await cp(join(folder, 'whole'), join(folder, copy), { recursive: true })
    const { tables } = (await openArchive(join(folder, copy))).manifest
    const [path, other] = [tables[1]!, tables[2]!].map(({ file }) => join(folder, copy, file)) as [
      string,
      string,
    ]
    if (change) await writeFile(path, change(await readFile(path)))
    else if (change === null) await cp(other, path)
    else await rm(path)
    const opened = await openArchive(join(folder, copy))
    expect(await codeOf(checkFiles(opened))).toContain(`BAD_ARCHIVE: ${path}`)
    const url = await server.createDatabase(`broken_${++databases}`)
    expect(await codeOf(restoreArchive(join(folder, copy), url))).toContain(`BAD_ARCHIVE: ${path}`)
    const pool = createPool(url, { name: 'test' })
    const left = await pool.query(`SELECT to_regnamespace('shop') AS shop`)
    await pool.end()
    expect(left.rows).toEqual([{ shop: null }])
  })

  it.each([
    ['nothing', undefined, 'cannot be read (ENOENT)'],
    ['no JSON', '{', 'is not JSON'],
    ['another format', '{"format": "tar"}', 'format'],
  ])('whose manifest is %s is refused', async (_, text, words) => {
    const place = await mkdtemp(join(folder, 'manifest-'))
    if (text !== undefined) await writeFile(join(place, 'manifest.json'), text)
    expect(await codeOf(openArchive(place))).toContain(words)
  })
})
