import { signIdentity } from '@banyan/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type System, send, startSystem } from '../testing/monolith.ts'
import { eventually, type Running, startProcess } from '../testing/processes.ts'

const KEY = 'a key for these tests alone'
const NOBODYS = '3f2b8c1e-7d52-4f0a-9c64-1a2b3c4d5e6f'

/** One request, as it is sent to both; `$1` stands for the id of the first item created, and so on. */
type Step = readonly [method: string, path: string, body?: unknown, user?: string | null]

const STEPS: readonly Step[] = [
  ['GET', '', undefined, null],
  ['GET', ''],
  ['POST', '', { title: 'Galaxy Explorer', category: 'Icons', price: 99.99, quantity: 2 }],
  [
    'POST',
    '',
    {
      title: '  Blacktron Cruiser ',
      description: 'from 1988; "rare"\n',
      productLink: 'https://shop.example.org/40580?a=b',
      imageUrl: 'https://img.example.org/40580.png',
      category: 'Space',
      price: 0,
      isAcquired: true,
    },
  ],
  ['POST', '', { title: 'Poe Dameron’s X-wing 🚀', category: 'Star Wars', price: 19.99 }],
  ['POST', '', { title: 'Someone else’s', price: 99_999_999.99 }, 'other'],
  ['GET', ''],
  ['GET', '?page=2&limit=2'],
  ['GET', '?page=9&limit=2'],
  ['GET', '?category=Star%20Wars'],
  ['GET', '?category=Lincoln%20Logs'],
  ['GET', '?page=0'],
  ['GET', '?limit=101&page=x'],
  ['GET', '?page=1&page=2'],
  ['GET', '/$1'],
  ['GET', '/$1', undefined, 'other'],
  ['GET', `/${NOBODYS}`],
  ['GET', '/no-uuid'],
  ['POST', '', {}],
  ['POST', ''],
  ['POST', '', 'not json'],
  ['POST', '', '"text"'],
  ['POST', '', '[]'],
  ['POST', '', { title: ' ' }],
  ['POST', '', { title: 'X'.repeat(201) }],
  ['POST', '', { title: 'X', category: 'icons' }],
  ['POST', '', { title: 'X', price: 1.005 }],
  ['POST', '', { title: 'X', price: -1, quantity: 0 }],
  ['POST', '', { title: 'X', quantity: 1.5 }],
  ['POST', '', { title: 'X', productLink: 'javascript:alert(1)' }],
  ['POST', '', { title: 'X', userId: 'other', sortOrder: 7 }],
  ['POST', '', { title: 'X', description: 'y'.repeat(1_100_000) }],
  ['PATCH', '/$1', { title: 'Galaxy Explorer 10497', price: 79.5, category: null }],
  ['PATCH', '/$2', { isAcquired: false, price: null, productLink: null }],
  ['PATCH', '/$1', {}],
  ['PATCH', '/$1', { sortOrder: 2 }],
  ['PATCH', '/no-uuid', { title: 5 }],
  ['PATCH', `/${NOBODYS}`, { title: 'X' }],
  ['PATCH', '/$1', { title: 'X' }, 'other'],
  ['POST', '/reorder', { itemIds: ['$3', '$1', '$2'] }],
  ['GET', ''],
  ['POST', '/reorder', { itemIds: ['$3', '$1'] }],
  ['POST', '/reorder', { itemIds: ['$3', '$1', NOBODYS] }],
  ['POST', '/reorder', { itemIds: ['$3', '$3', '$1'] }],
  ['POST', '/reorder', { itemIds: [] }],
  ['POST', '/reorder', { itemIds: ['x', 3] }],
  ['GET', '/reorder/status'],
  ['POST', '/reorder/debounced', { itemIds: ['$1'] }],
  ['POST', '/reorder/debounced', { itemIds: ['$1', '$3', '$2'] }],
  ['GET', '/reorder/status'],
  // An order given at once takes the place of the one that waits.
  ['POST', '/reorder', { itemIds: ['$2', '$1', '$3'] }],
  ['GET', '/reorder/status'],
  ['GET', ''],
  ['PUT', '/$1', { title: 'X' }],
  ['GET', '/a/b'],
  ['DELETE', '/$1', undefined, 'other'],
  ['DELETE', '/$1'],
  ['DELETE', '/$1'],
  ['DELETE', '/no-uuid'],
  ['POST', '', { title: 'After a gap' }],
  ['GET', ''],
]

let system: System
let service: Running
beforeAll(async () => {
  system = await startSystem()
  service = await startProcess('services/wishlist/main.ts', {
    DATABASE_URL: await system.server.createDatabase('wishlist'),
    BUS_URL: await system.server.createDatabase('bus'),
    BANYAN_IDENTITY_KEY: KEY,
  })
})
afterAll(async () => {
  await service.end()
  await system.stop()
})

async function askMonolith(user: string | null, method: string, path: string, body?: unknown) {
  const headers: Record<string, string> = user
    ? { authorization: `Bearer ${await system.token(user)}` }
    : {}
  return send(`${system.monolith.url}/api/wishlist${path}`, method, headers, body)
}

async function askService(user: string | null, method: string, path: string, body?: unknown) {
  const identity = { userId: user ?? '', email: null, roles: [] }
  const headers: Record<string, string> = user
    ? { 'x-banyan-identity': signIdentity(identity, KEY) }
    : {}
  return send(`${service.url}/v1/wishlist${path}`, method, headers, body)
}

describe('the Wishlist Service', () => {
  it('answers every request as the monolith does', async () => {
    const sides = [askMonolith, askService].map((ask) => ({ ask, ids: [] as string[] }))
    for (const [method, path, body, user = 'wisher'] of STEPS) {
      const seen: string[] = []
      for (const { ask, ids } of sides) {
        const answer = await ask(user, method, named(path, ids), renamed(body, ids))
        if (answer.status === 201) ids.push(answer.body.id)
        seen.push(normalised(answer, ids))
      }
      expect(seen[1], `${method} ${path} ${JSON.stringify(body)?.slice(0, 200)}`).toBe(seen[0])
    }
  })

  it('refuses an identity that is not signed with the key', async () => {
    const forged = signIdentity({ userId: 'x', email: null, roles: [] }, 'another key, a guess')
    for (const headers of [{ 'x-banyan-identity': forged }, { 'x-user-id': 'wisher' }]) {
      expect((await send(`${service.url}/v1/wishlist`, 'GET', headers)).status).toBe(401)
    }
  })

  it('publishes what it answers, and whether it is ready', async () => {
    const { body } = await send(`${service.url}/openapi.json`, 'GET', {})
    expect(Object.keys(body.paths).sort()).toEqual([
      '/v1/wishlist',
      '/v1/wishlist/reorder',
      '/v1/wishlist/reorder/debounced',
      '/v1/wishlist/reorder/status',
      '/v1/wishlist/{id}',
    ])
    expect((await send(`${service.url}/health/ready`, 'GET', {})).status).toBe(200)
  })

  it('answers 503 while its database is gone, and goes on when it is back', async () => {
    await system.server.kill()
    expect(await askService('wisher', 'GET', '')).toMatchObject({
      status: 503,
      body: { error: { code: 'UNAVAILABLE' } },
    })
    expect((await send(`${service.url}/health`, 'GET', {})).status).toBe(200)
    await system.server.start()
    await eventually('it is ready again', async () => {
      return (await send(`${service.url}/health/ready`, 'GET', {})).status === 200
    })
  })

  it('ends cleanly on SIGTERM', async () => {
    expect(await service.end('SIGTERM')).toBe(0)
  })
})

/** `$1` becomes the first id. */
function named(text: string, ids: readonly string[]): string {
  return text.replace(/\$(\d)/g, (_, n: string) => ids[Number(n) - 1]!)
}

function renamed(body: unknown, ids: readonly string[]): unknown {
  if (body === undefined || typeof body === 'string') return body
  return JSON.parse(named(JSON.stringify(body), ids))
}

/** Status, type and body to the byte, but for ids (by order of creation) and moments. */
function normalised({ status, text, headers }: Answer, ids: readonly string[]): string {
  const body = ids
    .reduce((known, id, i) => known.replaceAll(id, `$${i + 1}`), text)
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'MOMENT')
  return `${status} ${headers.get('content-type')} ${body}`
}
