import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BreakerStats, GatewayStats } from '@banyan/contracts'
import { expect, it } from 'vitest'
import { createGateway, type GatewayOptions } from './index.ts'
import { ALL, hold, RawClient, startGateway, table, until, upstream } from './testing.ts'

type Answer = (response: ServerResponse, request: IncomingMessage) => void

/** How an upstream can be: each in its own way no good, and well. */
const WAYS = {
  well: (response) => response.end('well'),
  hangs: () => {},
  resets: (_, request) => request.socket.destroy(),
  'breaks off': (response) => {
    response.writeHead(200, { 'content-length': '10' }).write('half')
    setImmediate(() => response.destroy())
  },
  'answers 500': (response) => {
    response.statusCode = 500
    response.end()
  },
} satisfies Record<string, Answer>
type Way = keyof typeof WAYS | 'answers slowly'

const ANN = { 'x-subject': 'ann' }

/** "things" is at the service, which behaves as it is told; `pass` is the breaker's clock. */
async function guarded(options: Partial<GatewayOptions> = {}, extraction: object = {}) {
  const ways: { service: Way; monolith: Way } = { service: 'well', monolith: 'well' }
  let now = 0
  const pass = (ms: number) => {
    now += ms
  }
  const server = (name: keyof typeof ways) =>
    upstream(name, (_, response, request) => {
      const way = ways[name]
      if (way !== 'answers slowly') return (WAYS[way] as Answer)(response, request)
      pass(20)
      response.end('late')
    })
  const monolith = await server('monolith')
  const service = await server('service')
  const started = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { targetBuckets: ALL, ...extraction }),
    breaker: { leastRequests: 4, windowMs: 10_000, openMs: 5_000 },
    retries: { saved: 0, share: 0 },
    now: () => now,
    ...options,
  })
  const ask = async (path: string, method = 'GET') => {
    const answer = await fetch(started.url + path, { method, headers: ANN })
    const text = await answer.text().catch(() => 'cut off')
    return { status: answer.status, text, retryAfter: answer.headers.get('retry-after') }
  }
  const stats = async () => (await started.admin('GET', '/stats')).body as GatewayStats
  const breaker = async (side: string) =>
    (await stats()).breakers.find((one) => one.side === side) as BreakerStats
  return { ...started, ...{ monolith, service, ways, ask, stats, breaker, pass } }
}

it.each([
  ['hangs', { timeouts: { answerMs: 250 } }],
  ['resets', {}],
  ['breaks off', {}],
  ['answers 500', {}],
  [
    'answers slowly',
    { breaker: { leastRequests: 4, windowMs: 10_000, openMs: 5_000, slowMs: 10 } },
  ],
] as const)(
  'a side that %s is not asked any more, until one request finds it well',
  async (way, options) => {
    const { ask, ways, service, breaker, pass, stats } = await guarded(options)
    ways.service = way
    await Promise.all([1, 2, 3, 4].map(() => ask('/api/things', 'POST')))
    expect(service.seen).toHaveLength(4)
    const refused = await ask('/api/things', 'POST')
    expect(refused).toMatchObject({ status: 503, retryAfter: '5' })
    expect(JSON.parse(refused.text)).toMatchObject({
      ...{ code: 'UPSTREAM_AWAY', upstream: 'things', failed: 4, requests: 4, waitMs: 5_000 },
    })
    expect(service.seen).toHaveLength(4)
    // Whoever judges the service sees those it was not asked for too.
    expect((await stats()).extractions[0]!.target).toMatchObject({ requests: 5 })
    pass(5_000)
    await ask('/api/things')
    expect(service.seen).toHaveLength(5)
    expect(await breaker('things target')).toMatchObject({ state: 'open', opened: 2 })
    pass(5_000)
    ways.service = 'well'
    expect((await ask('/api/things')).text).toBe('well')
    expect((await ask('/api/things', 'POST')).text).toBe('well')
    expect(await breaker('things target')).toMatchObject({ state: 'closed', refused: 1 })
  },
)

it('sends nothing to the other side meanwhile, and lets the rest of the monolith go on', async () => {
  const { ask, ways, monolith, breaker, url, admin, service } = await guarded()
  ways.service = 'answers 500'
  for (let i = 0; i < 10; i++) await ask('/api/things', i % 2 ? 'POST' : 'GET')
  expect(await breaker('things target')).toMatchObject({ state: 'open', refused: 6 })
  expect(monolith.seen).toHaveLength(0)
  expect((await ask('/other')).text).toBe('well')
  await admin('PUT', '/table', table(monolith.url, service.url, 2))
  ways.monolith = 'answers 500'
  for (let i = 0; i < 5; i++) await ask('/api/things')
  expect(await breaker('things source')).toMatchObject({ state: 'open' })
  ways.monolith = 'well'
  expect((await fetch(`${url}/other`)).status).toBe(200)
})

it('does not take what the protocol answers for a failure: no owner, held too long, a client that left', async () => {
  const { ask, admin, monolith, service, breaker, url } = await guarded()
  service.server.removeAllListeners('request')
  service.server.on('request', (request, response) => {
    request.resume()
    if (request.url === '/v1/things/hang') return
    response.writeHead(503, { 'x-banyan-not-owner': '1' }).end()
  })
  for (let i = 0; i < 6; i++) expect((await ask('/api/things', 'POST')).text).toBe('well')
  for (let i = 0; i < 6; i++) {
    const client = await RawClient.connect(url)
    const asked = new Promise((resolve) => service.server.once('request', resolve))
    client.send('GET /api/things/hang HTTP/1.1\r\nHost: a\r\nX-Subject: ann\r\n\r\n')
    await asked
    client.socket.destroy()
  }
  await until(async () => ((await admin('GET', '/health')).body as { calls: number }).calls === 0)
  const held = { targetBuckets: ALL, hold: hold(0) }
  await admin('PUT', '/table', table(monolith.url, service.url, 2, held))
  for (let i = 0; i < 6; i++) {
    expect(JSON.parse((await ask('/api/things', 'POST')).text).code).toBe('HELD_TOO_LONG')
  }
  expect(await breaker('things target')).toMatchObject({ state: 'closed', failed: 0 })
  expect(await breaker('things source')).toMatchObject({ state: 'closed', failed: 0 })
})

it('lets a held write go to a side that is away no more than any other', async () => {
  const { ask, admin, monolith, service, ways } = await guarded()
  ways.service = 'answers 500'
  for (let i = 0; i < 4; i++) await ask('/api/things')
  const held = { targetBuckets: ALL, hold: hold(60_000) }
  await admin('PUT', '/table', table(monolith.url, service.url, 2, held))
  const write = ask('/api/things', 'POST')
  await until(async () => ((await admin('GET', '/health')).body as { held: number }).held)
  await admin('PUT', '/table', table(monolith.url, service.url, 3, { targetBuckets: ALL }))
  expect(JSON.parse((await write).text).code).toBe('UPSTREAM_AWAY')
  expect(service.seen).toHaveLength(4)
  expect(monolith.seen).toHaveLength(0)
})

it('asks again for what only reads and has no body, within its budget, and never for a write', async () => {
  const { ask, ways, service, breaker } = await guarded({
    breaker: { failures: 'off' },
    retries: { share: 0.2, saved: 2 },
  })
  ways.service = 'resets'
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    expect((await ask('/api/things', method)).status).toBe(502)
  }
  expect(service.seen).toHaveLength(4)
  for (let i = 0; i < 50; i++) expect((await ask('/api/things')).status).toBe(502)
  const attempts = service.seen.length - 4
  expect(attempts).toBeGreaterThan(50)
  expect(attempts).toBeLessThanOrEqual(1.2 * 54 + 2)
  expect(await breaker('things target')).toMatchObject({ retried: attempts - 50 })
})

it('does not ask again where a route says that its GET writes', async () => {
  const { ask, ways, service, breaker } = await guarded(
    { retries: { saved: 2 } },
    { routes: [{ methods: ['GET'], path: '/api/things', access: 'write' }] },
  )
  ways.service = 'resets'
  expect((await ask('/api/things')).status).toBe(502)
  expect(service.seen).toHaveLength(1)
  expect(await breaker('things target')).toMatchObject({ retried: 0, failed: 1 })
})

it('names a setting that is none', () => {
  const good = {
    ...{ id: 'a', listen: { port: 0 }, admin: { port: 0, token: 'a token of the tests' } },
    ...{ monolith: 'http://127.0.0.1:9', identityKey: 'a key of these tests' },
    auth: { kind: 'none' },
  } as const
  const refused = (options: object) => () => createGateway({ ...good, ...options } as never)
  expect(refused({ breaker: { failures: 2 } })).toThrow('breaker.failures')
  expect(refused({ breaker: { statuses: [200] } })).toThrow('breaker.statuses.0')
  expect(refused({ retries: { share: -1 } })).toThrow('retries.share')
  expect(refused({ timeouts: { answerMs: 0 } })).toThrow('timeouts.answerMs')
  expect(refused({ accessLog: { share: 2 } })).toThrow('accessLog.share')
})

it('asks a side that is given users again at once, however it answered those before', async () => {
  const { ask, admin, ways, monolith, service, breaker } = await guarded()
  ways.service = 'answers 500'
  for (let i = 0; i < 4; i++) await ask('/api/things')
  const give = (version: number, targetBuckets?: string) =>
    admin(
      'PUT',
      '/table',
      table(monolith.url, service.url, version, targetBuckets ? { targetBuckets } : {}),
    )
  await give(2)
  expect(await breaker('things target')).toMatchObject({ state: 'open' })
  ways.service = 'well'
  await give(3, ALL)
  const answers = await Promise.all([1, 2, 3, 4, 5].map(() => ask('/api/things', 'POST')))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  // A table that gives nobody anything tells nothing of how it answers.
  ways.service = 'answers 500'
  for (let i = 0; i < 8; i++) await ask('/api/things')
  await give(4, ALL)
  expect(await breaker('things target')).toMatchObject({ state: 'open' })
})
