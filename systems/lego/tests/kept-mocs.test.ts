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

const ask = (user: string, at: Process, method: string, path: string, body?: unknown) => {
  const identity = signIdentity({ userId: user, email: null, roles: [] }, KEY)
  return send(`${at.url}/v1/mocs${path}`, method, { 'x-banyan-identity': identity }, body)
}
const ada = (at: Process, method: string, path: string, body?: unknown): Promise<Answer> =>
  ask('ada', at, method, path, body)
/** What somebody else sees of hers. */
const seen = (at: Process, id: string): Promise<Answer> => ask('eve', at, 'GET', `/${id}`)
const titleAt = async (at: Process, id: string) => (await seen(at, id)).body.title
const hitsAt = async (at: Process) => {
  const { text } = await send(`${at.url}/metrics`, 'GET', {})
  return Number(text.match(/cache_reads_total\{cache="mocs",result="hit",.*\} (\d+)/)?.[1] ?? 0)
}
const kept = (at: Process, id: string) =>
  eventually('it is answered from the cache', async () => {
    const before = await hitsAt(at)
    expect((await seen(at, id)).status).toBe(200)
    return (await hitsAt(at)) > before
  })
/** A MOC of hers that both processes keep. */
async function keptMoc(): Promise<string> {
  const { id } = (await ada(one, 'POST', '', { title: 'First' })).body as Moc
  await kept(one, id)
  await kept(two, id)
  return id
}

it('answers a MOC from the cache, but to its owner, who sees what was done at once by way of every process', async () => {
  const id = await keptMoc()
  // Nobody tells of it.
  await others.query('ALTER TABLE moc.mocs DISABLE TRIGGER tell_change')
  const bothSay = async (expected: object) => {
    for (const at of [one, two]) {
      expect((await ada(at, 'GET', `/${id.toUpperCase()}`)).body).toMatchObject(expected)
    }
  }
  await ada(one, 'PATCH', `/${id}`, { title: 'Second' })
  await bothSay({ title: 'Second' })
  expect(await titleAt(one, id)).toBe('First')
  const form = new FormData()
  form.set('file', new Blob(['Part,Color,Quantity\n3001,4,7\n']), 'a.csv')
  const list = (await ada(two, 'POST', `/${id}/parts-lists`, form)).body.id
  await bothSay({ totalPieceCount: 7 })
  await ada(two, 'DELETE', `/${id}/parts-lists/${list}`)
  await bothSay({ totalPieceCount: 0 })
  expect((await ada(one, 'DELETE', `/${id}`)).status).toBe(204)
  for (const at of [one, two]) {
    for (const of of ['', '/parts-lists', '/files', '/stored-files']) {
      expect((await ada(at, 'GET', `/${id}${of}`)).status).toBe(404)
    }
  }
  await others.query('ALTER TABLE moc.mocs ENABLE ALWAYS TRIGGER tell_change')
})

it('hears what any process does to a MOC, and replication, and what goes at once with all others', async () => {
  const id = await keptMoc()
  await ada(one, 'PATCH', `/${id}`, { title: 'Second' })
  for (const at of [one, two]) {
    await eventually('the change is seen', async () => (await titleAt(at, id)) === 'Second')
    await kept(at, id)
  }
  await others.query(`BEGIN; SET LOCAL session_replication_role = replica;
    UPDATE moc.mocs SET title = 'Third', gallery_image_ids = '[{"id": "${IMAGE}"}]'; COMMIT`)
  await eventually('it is seen', async () => (await titleAt(two, id)) === 'Third')
  expect((await seen(two, id)).body.galleryImageIds).toEqual([IMAGE])
  await kept(two, id)
  await ada(one, 'DELETE', `/${id}`)
  await eventually('it is gone', async () => (await seen(two, id)).status === 404)
  const another = await keptMoc()
  await others.query('TRUNCATE moc.mocs CASCADE')
  await eventually('it is gone too', async () => (await seen(two, another)).status === 404)
})

it('keeps no MOC that is not there: one that comes is answered', async () => {
  const get = () => ada(one, 'GET', `/${IMAGE}`)
  expect((await get()).status).toBe(404)
  await others.query(
    `INSERT INTO moc.mocs (id, owner_id, title) VALUES ('${IMAGE}', 'eve', 'There')`,
  )
  expect((await get()).body.title).toBe('There')
})
