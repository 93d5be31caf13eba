import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BucketSet, bucketOf, verifyIdentity } from '@banyan/contracts'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { ask, control, correlationOf, issuerOf, patient, start } from '../testing/driven-haproxy.ts'
import { ALL, hold, IDENTITY_KEY, RawClient, raw, until } from '../testing.ts'

const ANN = bucketOf('ann')

const toTarget = { targetBuckets: ALL }
const write = { method: 'POST', headers: { 'x-subject': 'ann' } }

describe('HAProxy, driven', () => {
  it('finds the bucket of an owner key that TypeScript and SQL find', async () => {
    const { folder } = await start()
    const keys = ['', 'ann', 'ü☂𝄞', '"quoted" \\ and ; spaced', randomUUID(), randomUUID()]
    for (const key of keys) {
      const escaped = key.replace(/[ \\;"'<]/g, '\\$&')
      expect(Number(await ask(folder, `banyan bucket ${escaped}`)), key).toBe(bucketOf(key))
    }
  })

  it('sends each user where the map says, under the path and the identity that services know', async () => {
    const { give, get, service, monolith, url } = await start()
    await give(1, { targetBuckets: BucketSet.of([ANN]).toString() })
    expect(await get('/api/things/7?q=1')).toMatchObject({
      side: 'service',
      url: '/v1/things/7?q=1',
    })
    expect(await get('/API/Things;v=1/7')).toMatchObject({ side: 'service', url: '/v1/things/7' })
    expect(await get('/other')).toMatchObject({ side: 'monolith', url: '/other' })
    const others = { headers: { 'x-subject': 'bob', X_User_Id: 'ann', 'X-Banyan-Identity': 'x' } }
    expect(await get('/api/things', others)).toMatchObject({ side: 'monolith' })
    const { headers } = service.seen[0]!
    expect(verifyIdentity(headers['x-banyan-identity'] as string, IDENTITY_KEY)).toEqual({
      ...{ userId: 'ann', email: null, roles: [] },
    })
    expect(headers['x-user-id']).toBe('ann')
    expect(headers.host).toBe(new URL(service.url).host)
    const passed = monolith.seen.at(-1)!.headers
    expect(Object.keys(passed).filter((name) => /^x.(user|banyan)/i.test(name))).toEqual([])
    // A path that two readers could take for different ones is nobody's.
    for (const path of ['/api%2fthings', '/a/../../api/things', '/a\\b', '/api/things/..;/x']) {
      const answer = await raw(url, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      expect(answer, path).toMatch(/^HTTP\/1.1 400 .*BAD_TARGET/s)
    }
  })

  it('makes a whole table the one it goes by, between two requests', async () => {
    const { give, get, folder } = await start()
    let version = 0
    let over = false
    const sides = new Set<unknown>()
    const asking = (async () => {
      while (!over) sides.add((await get('/api/things')).side)
    })()
    for (let i = 0; i < 20; i++) {
      const percent = i % 2 === 0 ? 100 : 0
      await give(++version, { targetBuckets: BucketSet.share(percent).toString() })
      expect((await get('/api/things')).side).toBe(percent === 100 ? 'service' : 'monolith')
    }
    over = true
    await asking
    expect(sides).toEqual(new Set(['service', 'monolith']))
    const map = await ask(folder, `show map ${folder}/buckets.map`)
    expect(map.split('\n')).toHaveLength(1024)
  })

  it('waits for writes on their way before it says that a hold has drained, and holds those that come', async () => {
    const { side: monolith, release } = await patient('monolith')
    const { give, get, service, admin } = await start({}, { monolith })
    await give(1)
    const first = get('/api/things', write)
    await until(() => monolith.seen.length === 1)
    expect(await give(2, { hold: hold(5_000) })).toMatchObject({ drained: false, inFlight: 1 })
    const second = get('/api/things', write)
    await until(
      async () => ((await admin('GET', '/stats')).body as Stats).extractions[0]?.holds.held,
    )
    // Reads go on, and so do the calls that the first one makes.
    const nested = { ...write.headers, 'x-correlation-id': correlationOf(monolith) }
    const passing = [get('/api/things'), get('/api/things', { ...write, headers: nested })]
    await until(() => monolith.seen.length === 3)
    const drained = give(2, { hold: hold(5_000) }, 5_000)
    release()
    await Promise.all([first, ...passing])
    expect(await drained).toMatchObject({ drained: true, inFlight: 0 })
    expect(monolith.seen).toHaveLength(3)
    await give(3, toTarget)
    expect(await second).toMatchObject({ status: 200, side: 'service' })
    expect(service.seen).toHaveLength(1)
  })

  it('refuses what was held for longer than its budget, and never forwards it', async () => {
    const { give, get, monolith, service } = await start()
    await give(1, { hold: hold(100) })
    expect(await get('/api/things', write)).toMatchObject({ status: 503, code: 'HELD_TOO_LONG' })
    await give(2, { hold: hold(100, true) })
    expect(await get('/api/things')).toMatchObject({ status: 503, code: 'HELD_TOO_LONG' })
    await give(3, toTarget)
    expect(monolith.seen.length + service.seen.length).toBe(0)
  })

  it('takes no older table, and none that it would serve otherwise than it says', async () => {
    const { give, get, admin, table: made } = await start()
    await give(5, toTarget)
    expect(await give(4)).toMatchObject({ status: 409, code: 'STALE_TOKEN' })
    expect(await give(6, { target: 'http://127.0.0.1:1' })).toMatchObject({
      status: 422,
      code: 'DATA_PLANE_LACKS',
    })
    const path = '/api/things'
    const inBody = [{ methods: [], path, owner: { from: 'body' as const, field: 'user' } }]
    expect((await give(6, { routes: inBody })).detail).toContain('from the body')
    expect(
      (await admin('PUT', '/table', { ...made(6), monolith: 'http://127.0.0.1:1' })).status,
    ).toBe(422)
    expect(await get(path)).toMatchObject({ side: 'service' })
  })

  it('tells the control plane what it counts', async () => {
    const { give, get, admin } = await start()
    await give(1, toTarget)
    for (let i = 0; i < 3; i++) await get('/api/things')
    const { body } = await admin('GET', '/stats')
    const [things] = (body as Stats).extractions
    expect(things).toMatchObject({ extraction: 'things', target: { requests: 3, errors: 0 } })
    expect(things!.target.latency.at(-1)).toBe(3)
  })
})

describe('an HAProxy', () => {
  it('that ends is started again with the table it had', async () => {
    const { give, get, pids } = await start()
    await give(1, toTarget)
    process.kill(pids[0]!, 'SIGKILL')
    await until(() => pids.length === 2)
    await until(async () => (await get('/api/things').catch(() => null))?.side === 'service')
  })

  it('outlives its driver, and is taken over by the next one without a lease', async () => {
    const plane = await control()
    const first = await start({ control: plane.setting })
    plane.state.table = first.table(1, toTarget)
    await until(async () => (await first.get('/api/things')).side === 'service')
    const { monolith, service, folder, url } = first
    // As a crash leaves it: nobody renews any more, and nobody says goodbye.
    plane.state.down = true
    const port = Number(new URL(url).port)
    const next = await start(
      { control: plane.setting, folder, listen: { port } },
      { monolith, service },
    )
    expect(next.pids).toEqual(first.pids)
    expect(await next.get('/api/things')).toMatchObject({ status: 503, code: 'LEASE_LOST' })
    expect(await next.get('/other')).toMatchObject({ side: 'monolith' })
    plane.state.down = false
    await until(async () => (await next.get('/api/things')).side === 'service')
  })

  it('refuses moved routes once the lease is over, though nobody tells it, and serves the others', async () => {
    const plane = await control()
    plane.state.leaseMs = 1_500
    const { table: made, get } = await start({ control: plane.setting, leaseMarginMs: 10 })
    plane.state.table = made(1, toTarget)
    await until(async () => (await get('/api/things')).side === 'service')
    plane.state.down = true
    await until(async () => (await get('/api/things')).code === 'LEASE_LOST')
    expect(await get('/other')).toMatchObject({ side: 'monolith' })
  })

  it('that stands still has no lease renewed, and serves no moved route when it goes on', async () => {
    const plane = await control()
    plane.state.leaseMs = 1_500
    const {
      table: made,
      get,
      pids,
      url,
    } = await start({ control: plane.setting, leaseMarginMs: 10 })
    plane.state.table = made(1, toTarget)
    await until(async () => (await get('/api/things')).side === 'service')
    process.kill(pids[0]!, 'SIGSTOP')
    const waiting = await RawClient.connect(url)
    waiting.send('GET /api/things HTTP/1.1\r\nHost: x\r\nX-Subject: ann\r\n\r\n')
    // Longer than the lease without a renewal: it is over, and nobody was there to be given another.
    let last = { renewed: plane.state.renewed, at: performance.now() }
    await until(async () => {
      const { renewed, leaseMs } = plane.state
      if (renewed !== last.renewed) last = { renewed, at: performance.now() }
      return performance.now() - last.at > leaseMs + 1_000
    })
    plane.state.down = true
    process.kill(pids[0]!, 'SIGCONT')
    expect(await waiting.until(/LEASE_LOST|side/)).toContain('LEASE_LOST')
  })
})

describe('a token', () => {
  it('is verified by the key its kid names, and by keys that are new', async () => {
    const issuer = await issuerOf('https://issuer.example')
    const { give, get } = await start({ auth: issuer.setting })
    await give(1, toTarget)
    const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
    const good = await issuer.token('one', {})
    expect(await get('/api/things', as(good))).toMatchObject({ side: 'service' })
    // Nobody, or not to be believed: the monolith is to refuse it.
    const bad = {
      none: {},
      forged: as(`${good.slice(0, -6)}AAAAAA`),
      expired: as(await issuer.token('one', { exp: 1 })),
      'of another audience': as(await issuer.token('one', { aud: 'other' })),
      'of another issuer': as(await issuer.token('one', { iss: 'https://evil.example' })),
      'without an end': as(await issuer.token('one', { exp: undefined })),
      'of another algorithm': as(
        await new SignJWT({ sub: 'ann' })
          .setProtectedHeader({ alg: 'HS256', kid: 'one' })
          .sign(new TextEncoder().encode('a secret that is long enough for HS256')),
      ),
    }
    for (const [what, init] of Object.entries(bad)) {
      expect(await get('/api/things', { headers: {}, ...init }), what).toMatchObject({
        side: 'monolith',
      })
    }
    await issuer.add('two')
    const fresh = await issuer.token('two', { aud: ['x', 'api'], roles: ['admin'] })
    await until(async () => (await get('/api/things', as(fresh))).side === 'service')
  })
})

it('keeps secrets out of its files', async () => {
  const { folder } = await start({ auth: { kind: 'secret', secret: 'a-secret-of-the-monolith' } })
  for (const name of ['haproxy.cfg', 'settings.json', 'haproxy.log']) {
    const text = await readFile(join(folder, name), 'utf8')
    expect(text).not.toContain(IDENTITY_KEY)
    expect(text).not.toContain('a-secret-of-the-monolith')
  }
})

interface Stats {
  readonly extractions: readonly {
    readonly holds: { readonly held: number }
    readonly target: { readonly latency: readonly number[] }
  }[]
}
