import { signIdentity } from '@banyan/contracts'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { newServiceKey, startService } from '@banyan/service'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Moc } from '../services/moc/messages.ts'
import moc from '../services/moc/service.ts'
import { type Answer, send } from '../testing/monolith.ts'
import { eventually } from '../testing/processes.ts'

const KEY = 'a key for these tests alone'
const IMAGE = '3f2b8c1e-7d52-4f0a-9c64-1a2b3c4d5e6f'

let server: EmbeddedPostgres
/** Whoever else writes into the service's database. */
let others: Pool
/** Two processes of the service, each with a cache of its own. */
let one: Awaited<ReturnType<typeof startProcess>>
let two: Awaited<ReturnType<typeof startProcess>>
const startProcess = (env: Record<string, string>) => startService(moc, { env })

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  const database = await server.createDatabase('moc')
  const { publicJwk, privateJwk } = await newServiceKey('moc')
  const env = {
    PORT: '0',
    LOG_LEVEL: 'silent',
    BANYAN_IDENTITY_KEY: KEY,
    BUS_URL: await server.createDatabase('bus'),
    DATABASE_URL: database,
    BANYAN_SIGNING_KEY: JSON.stringify(privateJwk),
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [publicJwk] }),
    // Nobody there: no MOC links anything that would be asked about.
    GALLERY_URL: 'http://127.0.0.1:9',
  }
  others = createPool(database, { name: 'others' })
  one = await startProcess(env)
  two = await startProcess(env)
})
afterAll(async () => {
  await one?.stop()
  await two?.stop()
  await others?.end()
  await server?.stop()
})

type Process = { readonly url: string }

const ada = (at: Process, method: string, path: string, body?: unknown): Promise<Answer> => {
  const identity = signIdentity({ userId: 'ada', email: null, roles: [] }, KEY)
  return send(`${at.url}/v1/mocs${path}`, method, { 'x-banyan-identity': identity }, body)
}
const titleAt = async (at: Process, id: string) => (await ada(at, 'GET', `/${id}`)).body.title
const hitsAt = async (at: Process) => {
  const { text } = await send(`${at.url}/metrics`, 'GET', {})
  return Number(text.match(/cache_reads_total\{cache="mocs",result="hit",.*\} (\d+)/)?.[1] ?? 0)
}
const kept = (at: Process, id: string) =>
  eventually('it is answered from the cache', async () => {
    const before = await hitsAt(at)
    expect((await ada(at, 'GET', `/${id}`)).status).toBe(200)
    return (await hitsAt(at)) > before
  })
/** A MOC that both processes keep. */
async function keptMoc(): Promise<string> {
  const { id } = (await ada(one, 'POST', '', { title: 'First' })).body as Moc
  await kept(one, id)
  await kept(two, id)
  return id
}

it('answers a MOC from the cache, and what its owner has done at once, whoever tells of it', async () => {
  const id = await keptMoc()
  // Nobody does: what the process that writes knows by itself.
  await others.query('ALTER TABLE moc.mocs DISABLE TRIGGER tell_change')
  await ada(one, 'PATCH', `/${id.toUpperCase()}`, { title: 'Second' })
  expect(await titleAt(one, id)).toBe('Second')
  const form = new FormData()
  form.set('file', new Blob(['Part,Color,Quantity\n3001,4,7\n']), 'a.csv')
  const list = (await ada(one, 'POST', `/${id}/parts-lists`, form)).body.id
  expect((await ada(one, 'GET', `/${id}`)).body.totalPieceCount).toBe(7)
  await ada(one, 'DELETE', `/${id}/parts-lists/${list}`)
  expect((await ada(one, 'GET', `/${id}`)).body.totalPieceCount).toBe(0)
  expect((await ada(one, 'DELETE', `/${id}`)).status).toBe(204)
  for (const of of ['', '/parts-lists', '/files', '/stored-files']) {
    expect((await ada(one, 'GET', `/${id}${of}`)).status).toBe(404)
  }
  await others.query('ALTER TABLE moc.mocs ENABLE ALWAYS TRIGGER tell_change')
})

it('hears what another process does to a MOC, and replication, and what goes at once with all others', async () => {
  const id = await keptMoc()
  await ada(one, 'PATCH', `/${id}`, { title: 'Second' })
  await eventually('the change is seen', async () => (await titleAt(two, id)) === 'Second')
  await kept(two, id)
  await others.query(`BEGIN; SET LOCAL session_replication_role = replica;
    UPDATE moc.mocs SET title = 'Third', gallery_image_ids = '[{"id": "${IMAGE}"}]'; COMMIT`)
  await eventually('it is seen', async () => (await titleAt(two, id)) === 'Third')
  expect((await ada(two, 'GET', `/${id}`)).body.galleryImageIds).toEqual([IMAGE])
  const gone = async () => (await ada(two, 'GET', `/${id}`)).status === 404
  await kept(two, id)
  await ada(one, 'DELETE', `/${id}`)
  await eventually('it is gone', gone)
  const another = await keptMoc()
  await others.query('TRUNCATE moc.mocs CASCADE')
  await eventually('it is gone too', async () => (await titleAt(two, another)) === undefined)
})

it('keeps no MOC that is not there: one that comes is answered', async () => {
  const get = () => ada(one, 'GET', `/${IMAGE}`)
  expect((await get()).status).toBe(404)
  await others.query(
    `INSERT INTO moc.mocs (id, owner_id, title) VALUES ('${IMAGE}', 'eve', 'There')`,
  )
  expect((await get()).body.title).toBe('There')
})
