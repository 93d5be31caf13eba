import type { GatewayStats, RouteTable } from '@banyan/contracts'
import { LATENCY_BOUNDS_MS } from '@banyan/contracts'
import { describe, expect, it } from 'vitest'
import { createGateway } from './index.ts'
import { ALL, startGateway, table, upstream } from './testing.ts'

const start = async () => {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const started = await startGateway({ monolith: monolith.url })
  const of = (token: number, version: number, overrides = {}): RouteTable => ({
    ...table(monolith.url, service.url, version, overrides),
    token,
  })
  return { monolith, service, of, ...started }
}

it('takes newer tables and refuses older ones', async () => {
  const { admin, of } = await start()
  const put = async (next: RouteTable) => (await admin('PUT', '/table', next)).status
  expect(await put(of(2, 5))).toBe(200)
  expect(await put(of(2, 5))).toBe(200)
  expect(await put(of(2, 5, { targetBuckets: ALL }))).toBe(409)
  expect(await put(of(2, 4))).toBe(409)
  expect(await put(of(1, 9))).toBe(409)
  expect(await put(of(2, 6))).toBe(200)
  expect(await put(of(3, 1))).toBe(200)
  expect((await admin('PUT', '/table', of(2, 99))).body).toMatchObject({ code: 'STALE_TOKEN' })
  expect((await admin('GET', '/health')).body).toMatchObject({ table: { token: 3, version: 1 } })
})

describe('refuses a table that is not valid, saying where, and keeps the one it has', () => {
  it.each([
    ['no table', () => 7, 'the table'],
    ['a version that is none', (t: RouteTable) => ({ ...t, version: 1.5 }), 'version'],
    ['a monolith that is no URL', (t: RouteTable) => ({ ...t, monolith: 'x:1' }), 'monolith'],
    [
      'buckets of the wrong length',
      (t: RouteTable) => change(t, { targetBuckets: 'ff' }),
      'targetBuckets',
    ],
    [
      'a method that is none',
      (t: RouteTable) => change(t, { routes: [{ methods: ['get'], path: '/a' }] }),
      'methods.0',
    ],
    [
      'an owner that is not in the path',
      (t: RouteTable) =>
        change(t, { routes: [{ methods: [], path: '/a', owner: { from: 'path', name: 'b' } }] }),
      'the owner names a segment',
    ],
    [
      'a rewrite of another path',
      (t: RouteTable) =>
        change(t, { routes: [{ methods: [], path: '/ab', rewrite: { from: '/a', to: '/b' } }] }),
      'rewrite.from',
    ],
    [
      'answers of writes that are kept',
      (t: RouteTable) =>
        change(t, { routes: [{ methods: [], path: '/a', access: 'write', cache: {} }] }),
      'cache is for reads',
    ],
    [
      'two routes for the same requests',
      (t: RouteTable) =>
        change(t, {
          routes: [
            { methods: ['GET'], path: '/a/:x' },
            { methods: [], path: '/A/:y/' },
          ],
        }),
      'match the same requests',
    ],
    [
      'two extractions of one name',
      (t: RouteTable) => ({ ...t, extractions: [...t.extractions, ...t.extractions] }),
      'same name',
    ],
  ])('%s', async (_, make, where) => {
    const { admin, of } = await start()
    await admin('PUT', '/table', of(1, 1))
    const { status, body } = await admin('PUT', '/table', make(of(1, 2)))
    expect(status).toBe(400)
    expect((body as { detail: string }).detail).toContain(where)
    expect((await admin('GET', '/health')).body).toMatchObject({ table: { version: 1 } })
  })
})

function change(given: RouteTable, overrides: object): unknown {
  return { ...given, extractions: [{ ...given.extractions[0], ...overrides }] }
}

it('answers only those who know the admin token', async () => {
  const { gateway } = await start()
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'admin-token' }]) {
    const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/stats`, { headers })
    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'UNAUTHORISED' })
  }
})

it('counts requests, errors and latency by side', async () => {
  const { url, admin, of, service } = await start()
  await admin('PUT', '/table', of(1, 1))
  const get = () => fetch(`${url}/api/things`, { headers: { 'x-subject': 'ann' } })
  await get()
  await get()
  await admin('PUT', '/table', of(1, 2, { targetBuckets: ALL }))
  service.server.removeAllListeners('request')
  service.server.on('request', (_, response) => {
    response.statusCode = 500
    response.end()
  })
  await get()
  const stats = (await admin('GET', '/stats')).body as GatewayStats
  const [{ source, target }] = stats.extractions as [GatewayStats['extractions'][number]]
  expect(source).toMatchObject({ requests: 2, errors: 0 })
  expect(target).toMatchObject({ requests: 1, errors: 1 })
  expect(source.latency).toHaveLength(LATENCY_BOUNDS_MS.length)
  expect(source.latency.at(-1)).toBe(2)
  expect(source.latency).toEqual([...source.latency].sort((a, b) => a - b))
})

it('names the option that is not valid', () => {
  const good = {
    id: 'a',
    listen: { port: 0 },
    admin: { port: 0, token: 'secret' },
    monolith: 'http://127.0.0.1:1',
    identityKey: 'sixteen characters',
    auth: { kind: 'none' },
  } as const
  expect(() => createGateway({ ...good, listen: { port: 70_000 } })).toThrow('listen.port')
  expect(() => createGateway({ ...good, identityKey: 'short' })).toThrow('identityKey')
  expect(() => createGateway({ ...good, identityKey: [good.identityKey, 'short'] })).toThrow(
    'identityKey',
  )
  expect(() => createGateway({ ...good, monolith: 'localhost' })).toThrow('monolith')
  expect(() => createGateway({ ...good, control: { urls: [], token: 'x' } })).toThrow(
    'control.urls',
  )
})
