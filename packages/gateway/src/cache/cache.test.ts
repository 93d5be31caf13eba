import type { IncomingMessage, ServerResponse } from 'node:http'
import { NOT_OWNER_HEADER, type RouteRule } from '@banyan/contracts'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../index.ts'
import { ALL, hold, raw, type Seen, startGateway, table, until, upstream } from '../testing.ts'

const ROUTES: RouteRule[] = [
  { methods: [], path: '/api/things', cache: {} },
  { methods: [], path: '/api/things/*', cache: {} },
]

interface Answer {
  readonly headers?: Record<string, string | string[]>
  readonly status?: number
  /** Instead of an answer. */
  readonly act?: (response: ServerResponse, request: IncomingMessage) => void
}

type Headers = Record<string, string>

/** Sides that tell who they are and how often they were asked, for 60 s unless `answer` says otherwise. */
async function start(
  answer: (seen: Seen) => Answer = () => ({}),
  options: Partial<GatewayOptions> = {},
) {
  let asked = 0
  const side = (name: string) =>
    upstream(name, (seen, response, request) => {
      const { headers = {}, status = 200, act } = answer(seen)
      if (act) {
        act(response, request)
        return
      }
      response.writeHead(status, { 'cache-control': 'max-age=60', ...headers })
      response.end(`${name} ${++asked}`)
    })
  const monolith = await side('monolith')
  const service = await side('service')
  const clock = { ms: 0 }
  const tableOf = (version: number, overrides: Parameters<typeof table>[3] = {}) =>
    table(monolith.url, service.url, version, { routes: ROUTES, targetBuckets: ALL, ...overrides })
  const started = await startGateway({
    monolith: monolith.url,
    table: tableOf(1),
    now: () => performance.now() + clock.ms,
    ...options,
  })
  const ask = async (path: string, headers: Headers = {}, init: RequestInit = {}) => {
    const own: Headers = { 'x-subject': 'ann', ...headers }
    return fetch(started.url + path, { ...init, headers: own })
  }
  const get = async (path: string, headers: Headers = {}) => (await ask(path, headers)).text()
  const put = async (version: number, overrides: Parameters<typeof table>[3] = {}) =>
    (await started.admin('PUT', '/table', tableOf(version, overrides))).status
  const metrics = async () =>
    (await fetch(`http://127.0.0.1:${started.gateway.adminPort}/metrics`)).text()
  return { ...started, monolith, service, clock, ask, get, put, metrics }
}

describe('an answer that is kept', () => {
  it('is given again to the user who asked, with its age, until it is too old', async () => {
    const lines: string[] = []
    const { ask, get, service, clock, metrics } = await start(() => ({}), {
      writeAccess: (text) => lines.push(text),
    })
    const first = await ask('/api/things?a=1')
    expect([await first.text(), first.headers.get('age')]).toEqual(['service 1', null])
    clock.ms += 5_000
    const again = await ask('/api/things?a=1', { 'x-correlation-id': 'of-the-second' })
    expect(await again.text()).toBe('service 1')
    expect(again.headers.get('age')).toBe('5')
    expect(again.headers.get('cache-control')).toBe('max-age=60')
    expect(again.headers.get('x-correlation-id')).toBe('of-the-second')
    // Another query is another answer; another spelling of the path is not.
    expect(await get('/api/things?a=2')).toBe('service 2')
    expect(await get('/api/./things?a=1')).toBe('service 1')
    clock.ms += 55_000
    expect(await get('/api/things?a=1')).toBe('service 3')
    expect(service.seen).toHaveLength(3)
    await until(() => lines.join('').split('\n').length > 5)
    expect(lines.join('')).toMatch(/"side":"none","status":200.*"cached":true/)
    const page = await metrics()
    expect(page).toContain('banyan_gateway_cache_requests_total{outcome="hit"} 2')
    expect(page).toContain('banyan_gateway_cache_requests_total{outcome="miss"} 3')
    expect(page).toContain('banyan_gateway_cache_dropped_total{reason="age"} 1')
    expect(page).toContain('banyan_gateway_cache_answers 2')
  })

  it('is nobody else’s, and of nobody none is kept', async () => {
    const { get, ask, service, monolith, url } = await start()
    expect(await get('/api/things')).toBe('service 1')
    expect(await get('/api/things', { 'x-subject': 'bob' })).toBe('service 2')
    expect(await get('/api/things')).toBe('service 1')
    for (let i = 0; i < 2; i++) await (await fetch(`${url}/api/things`)).text()
    expect(monolith.seen).toHaveLength(2)
    expect((await ask('/api/things')).status).toBe(200)
    expect(service.seen).toHaveLength(2)
  })

  it('is for one token alone: not for another of the same user, nor for one that is not good any more', async () => {
    const secret = 'a secret of thirty-two characters'
    const token = (roles: string[], expires = '1 minute') =>
      new SignJWT({ roles })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject('ann')
        .setExpirationTime(expires)
        .sign(new TextEncoder().encode(secret))
    const { url, service, monolith } = await start(() => ({}), { auth: { kind: 'secret', secret } })
    const by = async (given: string) =>
      (await fetch(`${url}/api/things`, { headers: { authorization: `Bearer ${given}` } })).text()
    const [admin, plain] = [await token(['admin']), await token([])]
    expect(await by(admin)).toBe('service 1')
    expect(await by(admin)).toBe('service 1')
    expect(await by(plain)).toBe('service 2')
    expect(await by(`${admin}x`)).toBe('monolith 3')
    expect(await by(await token(['admin'], '-1 minute'))).toBe('monolith 4')
    expect([service.seen.length, monolith.seen.length]).toEqual([2, 2])
  })

  it('depends on every field that is sent on, but for those that tell of the client alone and are not named', async () => {
    const { get } = await start(({ url, headers }) => ({
      headers: {
        'x-said': String(headers['x-unheard-of']),
        ...(url.includes('vary') ? { vary: 'Accept, User-Agent' } : {}),
      },
    }))
    expect(await get('/api/things')).toBe('service 1')
    const others = []
    for (const header of ['x-unheard-of', 'cookie', 'accept-language', 'x-forwarded-host']) {
      others.push(await get('/api/things', { [header]: 'evil.test' }))
    }
    // The last one no client may send: it does not get in, and changes nothing.
    expect(others).toEqual(['service 2', 'service 3', 'service 4', 'service 1'])
    expect(await get('/api/things')).toBe('service 1')
    expect(await get('/api/things', { 'user-agent': 'other', referer: 'x' })).toBe('service 1')
    const before = await get('/api/things/vary', { 'user-agent': 'one' })
    expect(await get('/api/things/vary', { 'user-agent': 'one' })).toBe(before)
    expect(await get('/api/things/vary', { 'user-agent': 'two' })).not.toBe(before)
  })

  it('is told apart by Host, and no field that a client must not send gets in', async () => {
    const { url, service } = await start()
    const ask = (...fields: string[]) =>
      raw(
        url,
        `GET /api/things HTTP/1.1\r\n${fields.join('\r\n')}\r\nx-subject: ann\r\nConnection: close\r\n\r\n`,
      )
    expect(await ask('Host: a')).toMatch(/service 1\b/)
    expect(await ask('Host: evil.test')).toMatch(/service 2\b/)
    expect(await ask('Host: a', 'X-Forwarded-Host: evil.test', 'X-User-Id: bob')).toMatch(
      /service 1\b/,
    )
    expect(service.seen).toHaveLength(2)
  })
})

describe('nothing is kept of', () => {
  it.each<[string, Answer]>([
    ['an answer that says nothing of it', { headers: { 'cache-control': 'private' } }],
    ['one that sets a cookie', { headers: { 'set-cookie': 'a=1' } }],
    ['one that must not be stored', { headers: { 'cache-control': 'max-age=60, no-store' } }],
    ['an error', { status: 500 }],
    [
      'one that breaks off',
      {
        act: (response) => {
          response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': '10' })
          response.write('half')
          setImmediate(() => response.destroy())
        },
      },
    ],
  ])('%s', async (_, answer) => {
    const { ask, service } = await start(() => answer)
    for (let i = 0; i < 2; i++) await (await ask('/api/things')).text().catch(() => {})
    expect(service.seen).toHaveLength(2)
  })

  it('an answer that is larger than it may be, of whatever framing', async () => {
    const { get, ask, service } = await start(
      ({ url }) => ({
        act: (response) => {
          response.setHeader('cache-control', 'max-age=60')
          if (url.endsWith('chunked')) response.write('x')
          response.end('x'.repeat(url.includes('large') ? 1_000 : 10))
        },
      }),
      { cache: { answerBytes: 100 } },
    )
    for (const path of ['large', 'large-chunked', 'small', 'small-chunked']) {
      expect(await get(`/api/things/${path}`)).toBe(await get(`/api/things/${path}`))
    }
    expect(service.seen).toHaveLength(6)
    expect((await ask('/api/things/small-chunked')).headers.get('content-length')).toBe('11')
  })

  it('parts, other methods, and requests that are not to be answered from it', async () => {
    const { ask, get, service } = await start(({ method }) =>
      method === 'HEAD' ? { headers: { 'content-length': '9' } } : {},
    )
    expect((await ask('/api/things', {}, { method: 'HEAD' })).status).toBe(200)
    await get('/api/things', { range: 'bytes=0-1' })
    expect(await get('/api/things')).toBe('service 3')
    await ask('/api/things', {}, { method: 'HEAD' })
    await get('/api/things', { range: 'bytes=0-1' })
    await get('/api/things', { 'if-none-match': '"a"' })
    await get('/api/things', { 'cache-control': 'no-store' })
    expect(service.seen).toHaveLength(7)
    expect(await get('/api/things')).toBe('service 3')
    // Asked for anew: what comes is kept instead.
    expect(await get('/api/things', { 'cache-control': 'no-cache' })).toBe('service 8')
    expect(await get('/api/things')).toBe('service 8')
  })

  it('routes that do not ask for it, and where it is off', async () => {
    const { get, put, service } = await start()
    await put(2, { routes: [{ methods: [], path: '/api/things' }] })
    await get('/api/things')
    await get('/api/things')
    expect(service.seen).toHaveLength(2)
    const off = await start(() => ({}), { cache: 'off' })
    await off.get('/api/things')
    await off.get('/api/things')
    expect(off.service.seen).toHaveLength(2)
  })
})

describe('a write', () => {
  it('drops what is kept of who writes, on every route, and of the rows, whoever writes', async () => {
    const routes: RouteRule[] = [
      ...ROUTES,
      {
        methods: [],
        path: '/api/of/:user/things',
        owner: { from: 'path', name: 'user' },
        cache: {},
      },
    ]
    const { get, ask, put } = await start()
    await put(2, { routes })
    const paths = ['/api/things', '/api/things/1', '/api/of/bob/things']
    const answers = async (as: string) =>
      Promise.all(paths.map((path) => get(path, { 'x-subject': as })))
    const [ann, bob] = [await answers('ann'), await answers('bob')]
    expect([await answers('ann'), await answers('bob')]).toEqual([ann, bob])
    await ask('/api/things/1', {}, { method: 'POST' })
    const after = await answers('ann')
    expect(after.some((text) => ann.includes(text))).toBe(false)
    expect(await answers('bob')).toEqual(bob)
    // Of Ann, at the monolith, where nothing of it has moved; and of Bob's rows, by Ann.
    await ask('/elsewhere', {}, { method: 'DELETE' })
    const later = await answers('ann')
    expect(later.some((text) => after.includes(text))).toBe(false)
    await ask('/api/of/bob/things', { 'x-subject': 'carl' }, { method: 'PUT' })
    expect((await answers('bob')).map((text, i) => text === bob[i])).toEqual([false, false, false])
    expect((await answers('ann')).map((text, i) => text === later[i])).toEqual([true, true, false])
  })

  it('keeps an answer from being kept that was asked for before it, or while it was under way', async () => {
    const waiting = new Map<string, () => void>()
    const { get, ask, service } = await start(({ url, method }) => ({
      act: (response) => {
        const text = `at ${service.seen.length}`
        const end = () => response.writeHead(200, { 'cache-control': 'max-age=60' }).end(text)
        if (url.endsWith('/slow') || method === 'POST') waiting.set(`${method} ${url}`, end)
        else end()
      },
    }))
    const release = (name: string) => {
      waiting.get(name)!()
      waiting.delete(name)
    }
    const read = get('/api/things/slow')
    await until(() => waiting.has('GET /api/things/slow'))
    const write = ask('/api/things', {}, { method: 'POST' })
    await until(() => waiting.has('POST /api/things'))
    // Before it is done, and of rows as they were.
    expect(await get('/api/things')).toBe('at 3')
    release('POST /api/things')
    await write
    expect(await get('/api/things')).toBe('at 4')
    expect(await get('/api/things')).toBe('at 4')
    release('GET /api/things/slow')
    expect(await read).toBe('at 1')
    const again = get('/api/things/slow')
    await until(() => waiting.has('GET /api/things/slow'))
    release('GET /api/things/slow')
    expect(await again).toBe('at 5')
    expect(await get('/api/things/slow')).toBe('at 5')
  })

  it('that was not answered may still be done: nothing of its user is kept for a minute', async () => {
    const { get, ask, clock } = await start(({ method }) =>
      method === 'POST' ? { act: (_, request) => request.socket.destroy() } : {},
    )
    expect((await ask('/api/things', {}, { method: 'POST' })).status).toBe(502)
    expect(await get('/api/things')).not.toBe(await get('/api/things'))
    clock.ms += 60_000
    expect(await get('/api/things')).toBe(await get('/api/things'))
  })
})

describe('another owner', () => {
  it('is never answered for by the one before, there and back', async () => {
    const { get, put } = await start()
    const none = { targetBuckets: '0'.repeat(256) }
    expect(await get('/api/things')).toBe('service 1')
    await put(2, none)
    expect(await get('/api/things')).toBe('monolith 2')
    expect(await get('/api/things')).toBe('monolith 2')
    await put(3)
    expect(await get('/api/things')).toBe('service 3')
    // The tables between were missed: the same table, and not the same rows.
    await put(6)
    expect(await get('/api/things')).toBe('service 4')
  })

  it('is asked after a hold, and what was on its way is not kept', async () => {
    const waiting: (() => void)[] = []
    const { get, put, service, admin } = await start(({ url }) =>
      url.endsWith('/slow')
        ? {
            act: (response) =>
              waiting.push(() => {
                response.writeHead(200, { 'cache-control': 'max-age=60' })
                response.end('slow')
              }),
          }
        : {},
    )
    expect(await get('/api/things')).toBe('service 1')
    const slow = get('/api/things/slow')
    await until(() => waiting.length === 1)
    const holding = put(2, { hold: hold(5_000, true) })
    const health = async () =>
      (await admin('GET', '/health')).body as { table: { version: number }; held: number }
    await until(async () => (await health()).table.version === 2)
    const held = get('/api/things')
    await until(async () => (await health()).held === 1)
    waiting[0]!()
    expect([await slow, await holding]).toEqual(['slow', 200])
    expect(service.seen).toHaveLength(2)
    await put(3)
    expect(await held).toBe('service 2')
    const again = get('/api/things/slow')
    await until(() => waiting.length === 2)
    waiting[1]!()
    await again
    expect(service.seen).toHaveLength(4)
  })

  it('that answers for the one the table names is not kept', async () => {
    const { get, monolith, service } = await start(({ url }) =>
      url.startsWith('/api/things/moved')
        ? { headers: { [NOT_OWNER_HEADER]: '1' }, status: 409 }
        : {},
    )
    await get('/api/things/moved')
    await get('/api/things/moved')
    expect([monolith.seen.length, service.seen.length]).toEqual([2, 2])
  })
})

it('keeps no more than it may: of one user, in number, in bytes', async () => {
  const { get, metrics } = await start(() => ({}), {
    cache: { answers: 5, answersOfUser: 2, bytes: 5_000 },
  })
  await get('/api/things', { 'x-subject': 'bob' })
  const ann = []
  for (let i = 0; i < 4; i++) ann.push(await get(`/api/things/${i}`))
  // Ann's own oldest went, and not Bob's.
  expect(await get('/api/things', { 'x-subject': 'bob' })).toBe('service 1')
  expect(await get('/api/things/3')).toBe(ann[3])
  expect(await get('/api/things/0')).not.toBe(ann[0])
  for (let i = 0; i < 20; i++) await get('/api/things', { 'x-subject': `user-${i}` })
  const page = await metrics()
  const figure = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(page)![1])
  expect(figure('banyan_gateway_cache_answers')).toBeLessThanOrEqual(5)
  expect(figure('banyan_gateway_cache_answers')).toBeGreaterThan(0)
  expect(figure('banyan_gateway_cache_bytes')).toBeLessThanOrEqual(5_000)
})
