import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { BucketSet, bucketOf } from '@banyan/contracts'
import { FolderSide, FolderStore } from '@banyan/objects'
import { createPool, EmbeddedPostgres, migrate, type Pool } from '@banyan/postgres'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { Cargo } from '../cargo.ts'
import type { ExtractionDependencies } from '../dependencies.ts'
import type { ExtractionRow } from '../store.ts'
import { CarriesObjects } from './carries-objects.ts'
import { ControlRecords } from './control-records.ts'
import { ExtractionObjects } from './extraction-objects.ts'
import { type ObjectsPlan, objectsSchema, type ResolvedObjects } from './objects-plan.ts'

let server: EmbeddedPostgres
let root: string
let store: FolderStore
let control: { url: string; pool: Pool }
let app: { url: string; pool: Pool }
const masterKeys = `k1:${randomBytes(32).toString('base64')}`
const opened: ExtractionObjects[] = []

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  root = await mkdtemp(join(tmpdir(), 'extraction-objects-'))
  const folder = join(root, 'store')
  store = await FolderStore.open({ folder, masterKeys, publicUrl: 'http://127.0.0.1' })
  const database = async (name: string) => {
    const url = await server.createDatabase(name)
    return { url, pool: createPool(url, { name, max: 4 }) }
  }
  control = await database('control')
  app = await database('app')
  const sql = fileURLToPath(new URL('../../sql', import.meta.url))
  await migrate(control.pool, 'banyan_control', sql)
  await control.pool.query(
    `UPDATE banyan_control.lease SET holder = 'one', token = 1;
     INSERT INTO banyan_control.extraction (name) VALUES ('files'), ('killed'), ('fenced'), ('behind')`,
  )
  await app.pool.query(
    `CREATE TABLE public.uploads (id int PRIMARY KEY, account int NOT NULL, path text NOT NULL,
       media text, bytes int, changed_at timestamptz NOT NULL DEFAULT now())`,
  )
})
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())))
afterAll(async () => {
  await Promise.all([control?.pool.end(), app?.pool.end()])
  await server?.stop()
  await rm(root, { recursive: true, force: true })
})

/** An application's folder of that name, moved below the same name in the store. */
function planOf(name: string, change: Partial<ObjectsPlan> = {}): ObjectsPlan {
  return {
    source: { folder: join(root, name) },
    target: { store: pathToFileURL(join(root, 'store')).href, masterKeys, prefix: `${name}/` },
    ...change,
  }
}

async function open(extraction: string, plan: ObjectsPlan, term = 1n): Promise<ExtractionObjects> {
  const objects = await ExtractionObjects.open(objectsSchema.parse(plan) as ResolvedObjects, {
    ...{ extraction, term, control: control.pool },
    databases: { source: app.url, target: null },
  })
  opened.push(objects)
  return objects
}

async function put(path: string, content: string | Buffer): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true })
  await writeFile(join(root, path), content)
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(20)
}

/** Null where there is none, also where it is deleted between the asking and the reading. */
const stored = (key: string) =>
  store.get(key).then(
    ({ stream }) => text(stream),
    (error: { code?: unknown }) => {
      if (error.code === 'NOT_FOUND') return null
      throw error
    },
  )

it('rows say which files there are, whose, and which were replaced; one that is missing is told', async () => {
  const rows = {
    ...{ table: 'public.uploads', key: 'path', owner: 'account', version: 'changed_at' },
    ...{ size: 'bytes', contentType: 'media', where: "path <> ''" },
  }
  const source = { folder: join(root, 'files'), rows }
  await put('files/7/plan.pdf', 'the plan')
  await put('files/8/photo', 'a photo')
  await put('files/stray', 'no row names it')
  await app.pool.query(
    `INSERT INTO public.uploads VALUES (1, 7, '7/plan.pdf', 'application/pdf', 8),
       (2, 8, '8/photo', NULL, 7), (3, 9, '9/lost', NULL, 5), (4, 9, '', NULL, 0)`,
  )
  const objects = await open('files', planOf('files', { source }))
  objects.start(BucketSet.none)
  await until(async () => (await objects.figures()).state === 'in step')
  expect(await stored('files/7/plan.pdf')).toBe('the plan')
  expect((await store.head('files/7/plan.pdf'))!.contentType).toBe('application/pdf')
  expect(await store.head('files/stray')).toBe(null)
  expect(objects.waitsFor()).toEqual([
    expect.stringMatching(/^1 objects to be there and taken \(allowed are 0\)/),
  ])
  await until(async () => (await objects.figures()).examples.length === 1)
  expect((await objects.figures()).examples[0]).toMatchObject({
    key: '9/lost',
    why: expect.stringContaining('lists "9/lost", and has no content for it'),
  })
  const { rows: records } = await control.pool.query(
    'SELECT key, bucket, problem FROM banyan_control.object ORDER BY key',
  )
  expect(records).toEqual([
    { key: '7/plan.pdf', bucket: bucketOf('7'), problem: null },
    { key: '8/photo', bucket: bucketOf('8'), problem: null },
    { key: '9/lost', bucket: bucketOf('9'), problem: 'missing' },
  ])
  await put('files/8/photo', 'a better photo')
  await put('files/9/lost', 'found')
  await app.pool.query(
    `UPDATE public.uploads SET changed_at = now() WHERE id > 1; DELETE FROM public.uploads WHERE id = 1`,
  )
  await until(async () => (await stored('files/8/photo')) === 'a better photo')
  await until(async () => (await stored('files/9/lost')) === 'found')
  await until(async () => (await stored('files/7/plan.pdf')) === null)
  await until(async () => objects.waitsFor().length === 0)
  await objects.stop()
  await new ControlRecords(control.pool, 'files', 1n).forgetAll()
  const left = await control.pool.query('SELECT FROM banyan_control.object')
  expect(left.rowCount).toBe(0)
})

it('killed in the middle, they are gone on with: what was copied is not copied again', async () => {
  const names = Array.from({ length: 20 }, (_, i) => String(i).padStart(2, '0'))
  for (const name of names) await put(`killed/${name}`, randomBytes(40_000))
  const plan = planOf('killed')
  const settings = {
    ...{ extraction: 'killed', term: '1', control: control.url },
    plan: { ...plan, bytesPerSecond: 100_000 },
  }
  const copied = async () => {
    const { rows } = await control.pool.query<{ key: string; target_version: string }>(
      "SELECT key, target_version FROM banyan_control.object WHERE extraction = 'killed'",
    )
    return new Map(rows.map((row) => [row.key, row.target_version]))
  }
  const file = fileURLToPath(new URL('../testing/objects-child.ts', import.meta.url))
  const args = ['--import', 'tsx', file, JSON.stringify(settings)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  await until(async () => (await copied()).size > 2)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const before = await copied()
  expect(before.size).toBeLessThan(20)

  const objects = await open('killed', plan)
  objects.start(BucketSet.none)
  await until(async () => (await objects.figures()).state === 'in step')
  const after = await copied()
  expect(after.size).toBe(20)
  for (const [key, version] of before) expect(after.get(key)).toBe(version)
  const { objects: found } = await store.list({ prefix: 'killed/' })
  expect(found).toHaveLength(20)
  objects.verify()
  await until(async () => objects.verified !== null)
  expect(objects.verified).toMatchObject({ compared: 20, differing: 0 })
})

it('an engine that another has taken over from keeps no record, and stores nothing any more', async () => {
  const records = new ControlRecords(control.pool, 'fenced', 1n)
  const record = {
    ...{ key: 'a', bucket: 0, size: 1, sha256: 'x', problem: null },
    versions: { source: '1', target: '1' },
  }
  await records.keep(record)
  const objects = await open('fenced', planOf('fenced'))
  await control.pool.query('UPDATE banyan_control.lease SET token = 2')
  try {
    await put('fenced/late', 'late')
    expect(await objects.settle(BucketSet.all, 'source', 10_000)).toContain('another engine leads')
    expect(await store.head('fenced/late')).toBe(null)
    await expect(records.keep({ ...record, size: 2 })).rejects.toThrow('another engine leads')
    await expect(records.forget('a')).rejects.toThrow('another engine leads')
    await expect(records.forgetAll()).rejects.toThrow('another engine leads')
    expect(await records.totals()).toEqual({ objects: 1, bytes: 1, problems: 0 })
  } finally {
    await control.pool.query('UPDATE banyan_control.lease SET token = 1')
  }
})

it('a plan says where objects are, and what cannot be is refused', async () => {
  const plan = planOf('files')
  const rows = { table: 'public.uploads', key: 'path' }
  const wrong = (change: object) => objectsSchema.safeParse({ ...plan, ...change }).success
  expect(wrong({})).toBe(true)
  expect(wrong({ source: { open: () => null } })).toBe(true)
  expect(wrong({ source: { folder: 'relative' } })).toBe(false)
  expect(wrong({ target: { store: 'http://x' } })).toBe(false)
  expect(wrong({ bytesPerSecond: 0 })).toBe(false)
  expect(wrong({ mostGoneShare: 2 })).toBe(false)
  expect(wrong({ source: { folder: '/x', rows: { ...rows, table: 'uploads' } } })).toBe(false)
  const opening = open('files', { ...plan, target: { ...plan.target, rows } })
  await expect(opening).rejects.toThrow('objects.target.rows.databaseUrl')
})

it('what the shadow finds tells of the answers only while the files are in step', async () => {
  let standing = Promise.resolve()
  const source = new FolderSide(join(root, 'behind'), 0)
  const list = source.list.bind(source)
  source.list = async function* (after, of) {
    await standing
    yield* list(after, of)
  }
  await put('behind/7/photo', 'a photo')
  const plan = objectsSchema.parse(planOf('behind', { source: { open: () => source } }))
  const rest = {
    ...{ owned: BucketSet.none, take: async () => null, tick: async () => true },
    ...{ rest: async () => {}, inStep: () => true },
  }
  const carries = new CarriesObjects(
    { control: control.pool, term: 1n, plan: { name: 'behind' } } as ExtractionDependencies,
    plan as ResolvedObjects,
    { source: null, target: null },
    () => rest as Partial<Cargo> as Cargo,
  )
  const row = { wanted: [], paused: false, phase: 'shadowing' } as Partial<ExtractionRow>
  const came = (wanted: boolean) => until(async () => carries.inStep() === wanted)
  try {
    expect(carries.inStep()).toBe(false)
    await carries.take(row as ExtractionRow, new AbortController().signal)
    await carries.tick(row as ExtractionRow)
    await came(true)
    let goOn = () => {}
    standing = new Promise((resolve) => {
      goOn = resolve
    })
    await came(false)
    goOn()
    await came(true)
  } finally {
    await carries.rest()
  }
})
