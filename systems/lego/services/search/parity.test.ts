import { signIdentity } from '@banyan/contracts'
import { createPool } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type System, send, startSystem } from '../../testing/monolith.ts'
import { type Running, startProcess } from '../../testing/processes.ts'
import { backfillFromMonolith } from './backfill/monolith.ts'

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
beforeAll(async () => {
  system = await startSystem()
  const env = {
    DATABASE_URL: await system.server.createDatabase('search'),
    BUS_URL: await system.server.createDatabase('bus'),
    BANYAN_IDENTITY_KEY: KEY,
    BANYAN_SERVICE_KEYS: '{"keys":[]}',
  }
  service = await startProcess('services/search/main.ts', env)
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
  const [monolith, own] = [system.monolithDatabase, env.DATABASE_URL].map((url) => {
    return createPool(url, { name: 'backfill', max: 1 })
  })
  await backfillFromMonolith(monolith!, own!, { feeds: false })
  await Promise.all([monolith!.end(), own!.end()])
})
afterAll(async () => {
  await service?.end()
  await system?.stop()
})

it('answers every search as the monolith does, to the byte', async () => {
  const authorization = `Bearer ${await system.token('ada')}`
  const identity = signIdentity({ userId: 'ada', email: null, roles: [] }, KEY)
  let hits = 0
  for (const path of PATHS) {
    const [before, now] = await Promise.all([
      send(`${system.monolith.url}/api/search${path}`, 'GET', { authorization }),
      send(`${service.url}/v1/search${path}`, 'GET', { 'x-banyan-identity': identity }),
    ])
    const seen = [before, now].map(({ status, text, headers }) => {
      return `${status} ${headers.get('content-type')} ${text}`
    })
    expect(seen[1], path).toBe(seen[0])
    hits += now.body.results?.length ?? 0
  }
  expect(hits).toBeGreaterThan(30)
})

it('refuses a type that neither knows, naming one more that it does', async () => {
  const identity = signIdentity({ userId: 'ada', email: null, roles: [] }, KEY)
  const asked = await send(`${service.url}/v1/search?q=a&type=album`, 'GET', {
    'x-banyan-identity': identity,
  })
  expect(asked.status).toBe(400)
  expect(asked.body.error.details[0].message).toContain('"moc"|"image"|"wishlist"|"set"')
})
