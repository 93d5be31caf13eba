import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dropTables, inspectDrop } from './archive/drop.ts'
import { type Archive, sealOf } from './archive/manifest.ts'
import { restoreArchive } from './archive/restore.ts'
import { writeArchive } from './archive/write.ts'
import { ControlClient } from './control-client.ts'
import { type RunningEngine, startEngine } from './engine.ts'
import { movedTables, type Plan, resolveExtraction } from './plan.ts'
import { codeOf, openShop, SHOP_SCHEMA, type Shop } from './testing/shop.ts'

let server: EmbeddedPostgres
let folder: string
let shop: Shop
let source: Pool
let plan: Plan
let written: Archive

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  folder = await mkdtemp(join(tmpdir(), 'banyan-drop-'))
  const admin = createPool(server.url(), { name: 'test' })
  await admin.query('CREATE ROLE reader')
  await admin.end()
  shop = await openShop(server, 'shop')
  source = shop.pool
  plan = shop.plan
  written = await writeArchive({
    plan: movedTables(resolveExtraction(plan, 'orders')),
    databaseUrl: shop.url,
    folder: join(folder, 'orders'),
  })
})
afterAll(async () => {
  await source.end()
  await server.stop()
  await rm(folder, { recursive: true })
})

/** The same rows and definitions as before, so that the archive is of them. */
async function openAnew(): Promise<void> {
  await source.query('DROP SCHEMA shop CASCADE; DROP PUBLICATION IF EXISTS warehouse')
  await source.query(SHOP_SCHEMA)
}

const drop = (despiteFunctions = false) =>
  dropTables({
    pool: source,
    plan: movedTables(resolveExtraction(plan, 'orders')),
    neighbours: [],
    seal: sealOf(written),
    despiteFunctions,
  })
const thereStill = async () =>
  (await source.query(`SELECT to_regclass('shop."Order"') IS NOT NULL AS there`)).rows[0].there

describe('the old tables of an extraction', () => {
  it.each([
    [
      'a view',
      'CREATE VIEW shop.v AS SELECT note FROM shop."Order"',
      'view shop.v (let its readers ask the service, then DROP VIEW shop.v;)',
    ],
    [
      'a view of a view',
      'CREATE VIEW shop.a AS SELECT what FROM shop.line; CREATE MATERIALIZED VIEW shop.b AS SELECT * FROM shop.a',
      'view shop.a',
    ],
    [
      'a foreign key',
      'CREATE TABLE shop.bill (id bigint REFERENCES shop."Order")',
      'ALTER TABLE shop.bill DROP CONSTRAINT bill_id_fkey;',
    ],
    [
      'a default of a sequence',
      `CREATE TABLE shop.bill (id bigint DEFAULT nextval('shop."Order_id_seq"'))`,
      'default value for column id of table shop.bill',
    ],
    [
      'a column of the row’s type',
      'CREATE TABLE shop.copy (whole shop.line)',
      'column whole of table shop.copy',
    ],
    ['a publication', 'CREATE PUBLICATION warehouse FOR TABLE shop.line', 'publication warehouse'],
    [
      'a function by its text',
      `CREATE FUNCTION shop.f() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM shop.line); END'`,
      'function shop.f(), whose text names',
    ],
    [
      'a trigger elsewhere',
      `CREATE FUNCTION shop.g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM shop.line; RETURN NULL; END';
        CREATE TRIGGER g AFTER DELETE ON shop.customer EXECUTE FUNCTION shop.g()`,
      'function shop.g()',
    ],
    [
      'a changed row',
      `UPDATE shop."Order" SET note = 'late' WHERE id = 1`,
      'rows of shop."Order" changed',
    ],
    [
      'a new row in a partition',
      `INSERT INTO shop.event VALUES ('2020-01-01', 'late')`,
      'rows of shop.event_old changed',
    ],
    [
      'a new index',
      'CREATE INDEX late ON shop.line (what)',
      'the definition changed (index shop.late of shop.line)',
    ],
    ['a table that is gone', 'DROP TABLE shop.nothing', 'shop.nothing is not there'],
  ])('stay where they are with %s', async (_, sql, words) => {
    await openAnew()
    await source.query(sql)
    expect(await codeOf(drop())).toContain(words)
    expect(await thereStill()).toBe(true)
  })

  it('go though a function’s text names them, when an operator says so', async () => {
    await openAnew()
    await source.query(
      `CREATE FUNCTION shop.f() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM shop.line); END'`,
    )
    expect(await codeOf(drop())).toContain('function shop.f()')
    await drop(true)
    expect(await thereStill()).toBe(false)
  })

  it('wait for a reader for a moment, and let those pass who came later', async () => {
    await openAnew()
    const reader = await source.connect()
    await reader.query('BEGIN; SELECT FROM shop.line')
    const dropping = drop()
    // It asks for the lock, gives up, and asks again: nobody stands behind it for long.
    for (let asked = 0; asked < 2; ) {
      const waits = await source.query(
        `SELECT FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'`,
      )
      if (waits.rowCount === 0) continue
      await source.query('SELECT count(*) FROM shop.line')
      asked++
    }
    await reader.query('COMMIT')
    reader.release()
    expect(await dropping).toContain('DROP TABLE')
  })

  it('of which another extraction that still runs has one stay', async () => {
    await openAnew()
    const shared = movedTables(plan.extractions[0]!).tables.slice(1, 2)
    const both = plan.extractions.map((one) =>
      one.name === 'customers' ? { ...one, tables: shared } : one,
    )
    const preview = await inspectDrop({ ...plan, extractions: both }, 'orders', [])
    expect(preview.dependents.map(({ what }) => what)).toEqual([
      'extraction customers, which is planned and moves shop.line',
    ])
  })
})

describe('an engine', () => {
  let engine: RunningEngine
  let control: ControlClient
  let database: Pool

  beforeAll(async () => {
    await openAnew()
    engine = await startEngine(plan, { log: pino({ level: 'silent' }), port: 0 })
    control = new ControlClient({ urls: [engine.url], token: plan.control.token })
    database = createPool(plan.control.databaseUrl, { name: 'test' })
    await setPhase('completed')
  })
  afterAll(async () => {
    await engine.close()
    await database.end()
  })

  const setPhase = (phase: string) =>
    database.query(`UPDATE banyan_control.extraction SET phase = $1 WHERE name = 'orders'`, [phase])
  const seal = () => control.archived('orders', { archive: sealOf(written), by: 'ada' })
  const ask = (more = {}) =>
    control.act('orders', 'drop', { archive: written.sha256, by: 'ada', why: 'done', ...more })
  /** Asks for the drop, and waits until it is done or refused. */
  const drops = async () => {
    await ask()
    for (;;) {
      const { oldTables } = await control.extraction('orders')
      if (oldTables?.dropped || oldTables?.refused) return oldTables
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  it('drops only what is completed and archived, for who has that archive', async () => {
    await expect(ask()).rejects.toThrow('they are not archived')
    await setPhase('soaking')
    await expect(seal()).rejects.toMatchObject({ problem: { code: 'WRONG_PHASE' } })
    await setPhase('completed')
    await seal()
    await expect(ask({ archive: 'a'.repeat(64) })).rejects.toThrow('the newest archive is')
  })

  it('says in status, ledger and why what stands against it, and drops when that is gone', async () => {
    await source.query('CREATE VIEW shop.v AS SELECT note FROM shop."Order"')
    expect(await drops()).toMatchObject({
      dropped: null,
      refused: { why: expect.stringContaining('view shop.v') },
    })
    expect((await control.why('orders')).next).toEqual([
      `banyan drop orders --archive ${written.folder}`,
    ])
    await source.query('DROP VIEW shop.v')

    const preview = await inspectDrop(plan, 'orders', [])
    expect(preview.sql).toBe(
      'DROP TABLE shop."Order", shop.line, shop.event, shop.nothing RESTRICT',
    )
    expect(preview.takes).toContain('sequence shop."Order_id_seq"')
    expect(preview.takes).toContain('trigger touch of shop."Order"')
    expect(preview.leaves).toEqual(['function shop.touch(), which only their triggers call'])
    expect(preview.dependents).toEqual([])
    expect(await drops()).toMatchObject({
      dropped: { sql: preview.sql },
      refused: null,
      archive: { by: 'ada', rows: 166 },
    })
    const { rows } = await source.query(
      `SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'p', 'S') ORDER BY 1`,
    )
    expect(rows).toEqual([{ relname: 'customer' }])
    const { entries, verified } = await control.ledger('orders')
    expect(verified).toBe(true)
    expect(entries.map(({ kind, what, detail }) => [kind, what, detail.by, detail.why])).toEqual([
      ['fact', 'archived', 'ada', undefined],
      ['decision', 'drop', 'ada', 'done'],
      ['intent', 'drop', undefined, undefined],
      ['fact', 'drop refused', undefined, expect.stringContaining('view shop.v')],
      ['decision', 'drop', 'ada', 'done'],
      ['intent', 'drop', undefined, undefined],
      ['fact', 'dropped', undefined, undefined],
    ])
    await expect(ask()).rejects.toThrow('they were dropped at')
  })

  it('that dropped them, and could not say so any more, finds them gone and says it', async () => {
    await database.query(`UPDATE banyan_control.extraction SET old_tables = old_tables - 'dropped'`)
    expect(await drops()).toMatchObject({ dropped: { sql: null }, refused: null })
  })

  it('finds them back after a restore', async () => {
    expect((await restoreArchive(written.folder, shop.url)).skipped).toEqual([])
    expect(await thereStill()).toBe(true)
  })
})
