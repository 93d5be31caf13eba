import type { GatewayStats } from '@banyan/contracts'
import { expect, it } from 'vitest'
import { createGateway } from '../index.ts'
import { ALL, startGateway, table, upstream } from '../testing.ts'

const RULES = {
  rules: [
    { name: 'things', paths: ['/api/things'], per: 'user', requests: 2, seconds: 60 },
    { name: 'all', paths: ['/'], per: 'address', requests: 100, seconds: 60 },
  ],
} as const

async function limited(limits: Parameters<typeof startGateway>[0]['limits'] = RULES) {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  let now = 0
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { targetBuckets: ALL }),
    limits,
    now: () => now,
  })
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(url + path, { method, headers })
  return {
    ...{ monolith, service, admin, get },
    pass: (ms: number) => {
      now += ms
    },
  }
}

it('refuses who has had his requests, says when the next may come, and lets it pass then', async () => {
  const { service, get, pass, admin } = await limited()
  const ann = { 'x-subject': 'ann' }
  const first = await get('/api/things', ann)
  expect(first.status).toBe(200)
  expect(Object.fromEntries(first.headers)).toMatchObject({
    'ratelimit-limit': '2',
    'ratelimit-remaining': '1',
    'ratelimit-reset': '30',
  })
  await get('/api/things/7', ann)
  const refused = await get('/api/things', ann)
  expect(refused.status).toBe(429)
  expect(Object.fromEntries(refused.headers)).toMatchObject({
    'ratelimit-remaining': '0',
    'retry-after': '30',
    'content-type': 'application/problem+json',
  })
  expect(await refused.json()).toMatchObject({
    ...{ code: 'TOO_MANY_REQUESTS', rule: 'things', requests: 2, seconds: 60, retryAfterS: 30 },
  })
  expect(service.seen).toHaveLength(2)
  expect((await get('/api/things', { 'x-subject': 'bob' })).status).toBe(200)
  pass(30_000)
  expect((await get('/api/things', ann)).status).toBe(200)
  const stats = (await admin('GET', '/stats')).body as GatewayStats
  expect(stats.limits).toEqual([
    { rule: 'things', passed: 4, refused: 1, alone: 0 },
    { rule: 'all', passed: 4, refused: 0, alone: 0 },
  ])
})

it('counts every spelling of a path that is routed alike', async () => {
  const { get } = await limited()
  const ann = { 'x-subject': 'ann' }
  const spellings = ['/api/things', '/API/Things/', '/api/./things', '//api/things?x=1']
  const answers = await Promise.all(spellings.map(async (path) => (await get(path, ann)).status))
  expect(answers.filter((status) => status === 429)).toHaveLength(2)
  expect((await get('/api/thingsandmore', ann)).status).toBe(200)
})

it('counts who is no user by address, and the methods of a rule alone', async () => {
  const { get, monolith } = await limited({
    rules: [
      {
        ...{ name: 'writes', paths: ['/'], methods: ['POST'], per: 'user' as const },
        ...{ requests: 1, seconds: 60 },
      },
    ],
  })
  expect((await get('/other', {}, 'POST')).status).toBe(200)
  expect((await get('/other', {}, 'POST')).status).toBe(429)
  expect((await get('/other')).headers.has('ratelimit-limit')).toBe(false)
  expect((await get('/other', { 'x-subject': 'ann' }, 'POST')).status).toBe(200)
  expect(monolith.seen).toHaveLength(3)
})

it('lets through what it cannot tell the user of, counted by address, and the monolith decides', async () => {
  const monolith = await upstream('monolith')
  const { url } = await startGateway({
    monolith: monolith.url,
    auth: { kind: 'jwks', url: 'http://127.0.0.1:9/keys', issuer: 'i', audience: 'a' },
    limits: { rules: [{ name: 'all', paths: ['/'], per: 'user', requests: 1, seconds: 60 }] },
  })
  const get = () => fetch(url, { headers: { authorization: 'Bearer a.b.c' } })
  expect((await get()).status).toBe(200)
  expect((await get()).status).toBe(429)
  expect(monolith.seen).toHaveLength(1)
})

it('believes a proxy it knows about where a request comes from', async () => {
  const rule = { name: 'all', paths: ['/'], per: 'address', requests: 1, seconds: 60 } as const
  const { get } = await limited({ rules: [rule], proxies: ['127.0.0.0/8'] })
  const from = async (address: string) =>
    (await get('/other', { 'x-forwarded-for': `6.6.6.6, ${address}` })).status
  expect(await from('203.0.113.7')).toBe(200)
  expect(await from('203.0.113.7')).toBe(429)
  expect(await from('203.0.113.8')).toBe(200)
})

it('names a setting that is none', () => {
  const good = {
    ...{ id: 'a', listen: { port: 0 }, admin: { port: 0, token: 'a token of the tests' } },
    ...{
      monolith: 'http://127.0.0.1:9',
      identityKey: 'a key of these tests',
      auth: { kind: 'none' },
    },
  } as const
  const rule = { name: 'a', paths: ['/a'], per: 'user', requests: 1, seconds: 1 } as const
  const refused = (limits: object) => () => createGateway({ ...good, limits } as never)
  expect(refused({ rules: [{ ...rule, paths: ['a'] }] })).toThrow(
    'limits.rules.0.paths.0: begins with "/"',
  )
  expect(refused({ rules: [{ ...rule, requests: 0 }] })).toThrow('limits.rules.0.requests')
  expect(refused({ rules: [{ ...rule, per: 'ip' }] })).toThrow('limits.rules.0.per')
  expect(refused({ rules: [rule, rule] })).toThrow('two rules have the same name')
  expect(refused({ rules: [rule], redis: { url: 'http://a' } })).toThrow('limits.redis.url')
  expect(refused({ rules: [rule], proxies: ['x'] })).toThrow('"x" is no address and no network')
})

it.each([
  ['share', [200, 200, 429], 'share'],
  ['open', [200, 200, 200], 'open'],
  ['closed', [503, 503, 503], 'closed'],
] as const)('without its Redis does as it is told: %s', async (whenAway, expected, counting) => {
  const redis = { url: 'redis://127.0.0.1:1', whenAway }
  const { get, admin } = await limited({ ...RULES, redis })
  const ann = { 'x-subject': 'ann' }
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) statuses.push((await get('/api/things', ann)).status)
  expect(statuses).toEqual(expected)
  const stats = (await admin('GET', '/stats')).body as GatewayStats
  expect(stats.limits[0]).toMatchObject({ rule: 'things', alone: 3 })
  expect((await admin('GET', '/health')).body).toMatchObject({ limits: { counting } })
})
