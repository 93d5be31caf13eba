import { SERVICE_TOKEN_HEADER, signIdentity } from '@banyan/contracts'
import { createPool } from '@banyan/postgres'
import { newServiceKey } from '@banyan/service'
import { ServiceTokens, SigningKey } from '@banyan/service/http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type System, send, startSystem } from '../../testing/monolith.ts'
import { type Running, startProcess } from '../../testing/processes.ts'

const KEY = 'a key for these tests alone'
const IMAGE = { imageUrl: 'https://img.example.org/a.png' }

const MOCS = [
  {
    title: 'Castle of the lion knights',
    description: 'Running water',
    tags: ['medieval'],
    theme: 'Castle',
  },
  { title: 'Red dragon', description: null, tags: ['castle', 'modular building'] },
  { title: 'Poe Dameron’s X-wing 🚀', description: 'as seen in "The Force Awakens" of 2015' },
  { title: 'Small boat', description: 'passes a castle, castle, castle' },
  { title: 'Castle', description: 'Castles' },
  { title: 'Castle', description: 'Castles' },
]
const IMAGES = [
  { title: 'Castle at night', tags: ['long exposure'], ...IMAGE },
  { title: 'Castle by day', ...IMAGE },
  { title: 'Flagged castle', ...IMAGE },
]
const WISHES = [{ title: 'Castle 6080', description: 'castle of my youth' }, { title: 'Moon base' }]

const WORDS = [
  'castle',
  'CASTLES',
  'the castle',
  'red or boat',
  'castle -red',
  '"lion knights"',
  'x-wing',
  '2015',
  'the',
  'modular buildings',
  "'; DROP",
  '🚀',
  'running wat',
  '"',
  'dameron’s',
]
const PATHS = [
  ...['moc', 'image', 'wishlist'].flatMap((type) => {
    return WORDS.map((q) => `?${new URLSearchParams({ type, q })}`)
  }),
  '?q=castle',
  '?q=castle&limit=2',
  '?q=castle&limit=2&page=2',
  '?q=castle&page=9',
  '?q=castle&page=0',
  '?q=castle&limit=101&page=x',
  '?q=%20%20',
  '?q=',
  '',
  `?q=${'x'.repeat(201)}`,
  '?q=a&q=b',
  '/other',
]

let system: System
let service: Running
/** What the engine of the move sends with what it asks. */
let asEngine: Record<string, string>
beforeAll(async () => {
  system = await startSystem()
  const { privateJwk, publicJwk } = await newServiceKey('banyan')
  const key = new SigningKey(JSON.stringify(privateJwk))
  const tokens = new ServiceTokens({ name: 'banyan', issuer: 'banyan', key })
  asEngine = { [SERVICE_TOKEN_HEADER]: await tokens.for('search') }
  const env = {
    DATABASE_URL: await system.server.createDatabase('search'),
    BUS_URL: await system.server.createDatabase('bus'),
    BANYAN_IDENTITY_KEY: KEY,
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [publicJwk] }),
    SOURCE_URL: system.monolithDatabase,
  }
  const add = async (path: string, bodies: readonly object[], user: string) => {
    const authorization = `Bearer ${await system.token(user)}`
    const ids: string[] = []
    for (const body of bodies) {
      const answer = await send(
        `${system.monolith.url}/api${path}`,
        'POST',
        { authorization },
        body,
      )
      expect(answer.status).toBe(201)
      ids.push(answer.body.id)
    }
    return ids
  }
  await add('/mocs', MOCS, 'ada')
  const images = await add('/gallery', IMAGES, 'ada')
  await add(`/gallery/${images[2]}/flags`, [{ reason: 'not a castle' }], 'eve')
  await add('/wishlist', WISHES, 'ada')
  await add('/wishlist', WISHES, 'eve')
  // As if all of that had been there for years: nothing but the backfill can tell of it.
  const monolith = createPool(system.monolithDatabase, { name: 'test', max: 1 })
  await monolith.query('DELETE FROM public.search_changes')
  await monolith.end()
  service = await startProcess('services/search/main.ts', env)
})
afterAll(async () => {
  await service?.end()
  await system?.stop()
})

const backfill = (method: 'GET' | 'POST', headers: Record<string, string>, body?: object) =>
  send(`${service.url}/internal/v1/search/backfill`, method, headers, body)

/** What both answer to a search of Ada's: status, type and body. */
async function bothAnswer(path: string): Promise<[monolith: string, service: string]> {
  const authorization = `Bearer ${await system.token('ada')}`
  const identity = signIdentity({ userId: 'ada', email: null, roles: [] }, KEY)
  const answers = await Promise.all([
    send(`${system.monolith.url}/api/search${path}`, 'GET', { authorization }),
    send(`${service.url}/v1/search${path}`, 'GET', { 'x-banyan-identity': identity }),
  ])
  const [before, now] = answers.map(({ status, text, headers }) => {
    return `${status} ${headers.get('content-type')} ${text}`
  })
  return [before!, now!]
}

it('takes over what stands in the monolith, once for a run, for services alone', async () => {
  expect((await backfill('POST', {}, { run: 'one' })).status).toBe(401)
  expect((await backfill('GET', asEngine)).body).toMatchObject({ run: null, state: 'none' })
  expect((await backfill('POST', asEngine, { run: 'one' })).body).toMatchObject({ run: 'one' })
  let standing = (await backfill('POST', asEngine, { run: 'one' })).body
  while (standing.state === 'filling') standing = (await backfill('GET', asEngine)).body
  const all = MOCS.length + IMAGES.length + 2 * WISHES.length
  expect(standing).toEqual({
    ...{ run: 'one', state: 'complete', done: all, total: all, lagMs: 0, reason: null },
  })
})

it('answers every search as the monolith does, to the byte', async () => {
  let hits = 0
  for (const path of PATHS) {
    const [before, now] = await bothAnswer(path)
    expect(now, path).toBe(before)
    hits += now.split('"id"').length - 1
  }
  expect(hits).toBeGreaterThan(30)
})

it('follows what the monolith changes, and says when it is in step', async () => {
  const authorization = `Bearer ${await system.token('ada')}`
  const monolith = (method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object) =>
    send(`${system.monolith.url}/api${path}`, method, { authorization }, body)
  const { id } = (await monolith('POST', '/mocs', { title: 'A lighthouse' })).body
  const image = (await monolith('POST', '/gallery', { title: 'Lighthouse', ...IMAGE })).body.id
  const wish = (await monolith('POST', '/wishlist', { title: 'Lighthouse 21335' })).body.id
  await inStep()
  const paths = ['moc', 'image', 'wishlist'].map((type) => `?type=${type}&q=lighthouse`)
  const all = async () => (await Promise.all(paths.map(bothAnswer))) as [string, string][]
  for (const [before, now] of await all()) {
    expect(now).toBe(before)
    expect(now.toLowerCase()).toContain('"title":"')
  }

  await monolith('PATCH', `/mocs/${id}`, { title: 'A windmill' })
  await monolith('DELETE', `/gallery/${image}`)
  await monolith('PATCH', `/wishlist/${wish}`, { title: 'A windmill' })
  await inStep()
  for (const [before, now] of await all()) {
    expect(now).toBe(before)
    expect(now).toContain('"results":[]')
  }
})

async function inStep(): Promise<void> {
  for (;;) {
    const { lagMs } = (await backfill('GET', asEngine)).body
    if (lagMs === 0) return
  }
}

it('refuses a type that neither knows, naming one more that it does', async () => {
  const identity = signIdentity({ userId: 'ada', email: null, roles: [] }, KEY)
  const asked = await send(`${service.url}/v1/search?q=a&type=album`, 'GET', {
    'x-banyan-identity': identity,
  })
  expect(asked.status).toBe(400)
  expect(asked.body.error.details[0].message).toContain('"moc"|"image"|"wishlist"|"set"')
})
