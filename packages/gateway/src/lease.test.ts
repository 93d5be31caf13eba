import { createServer } from 'node:http'
import type { RouteTable } from '@banyan/contracts'
import { expect, it } from 'vitest'
import { ALL, hold, listen, RawClient, startGateway, table, until, upstream } from './testing.ts'

/** A control plane whose answers a test decides. */
async function control() {
  const state = {
    table: null as RouteTable | null,
    down: false,
    forgets: false,
    leaseMs: 9_000,
    asked: [] as { method: string; url: string; body: unknown; authorization: string }[],
    /** Waits before it answers, when set. */
    gate: null as Promise<void> | null,
  }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    state.asked.push({
      method: request.method!,
      url: request.url!,
      body: text && JSON.parse(text),
      authorization: request.headers.authorization ?? '',
    })
    await state.gate
    if (state.down) response.statusCode = 500
    else if (state.forgets && request.url!.endsWith('/renew')) response.statusCode = 404
    else response.write(JSON.stringify({ leaseMs: state.leaseMs, table: state.table }))
    response.end()
  })
  const url = await listen(server)
  return { state, url }
}

async function start(controls: { url: string }[], now?: () => number) {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const started = await startGateway({
    monolith: monolith.url,
    control: { urls: controls.map(({ url }) => url), token: 'control' },
    leaseMarginMs: 10,
    timeouts: { firstTableMs: 50 },
    ...(now ? { now } : {}),
  })
  const get = async (path: string) => {
    const answer = await fetch(started.url + path, { headers: { 'x-subject': 'ann' } })
    return { status: answer.status, ...((await answer.json()) as { side?: string; code?: string }) }
  }
  return { monolith, service, get, ...started }
}

it('registers with its addresses and takes the table that the control plane has', async () => {
  const plane = await control()
  const { monolith, service, get, gateway } = await start([plane])
  plane.state.table = table(monolith.url, service.url, 5, { targetBuckets: ALL })
  await until(async () => (await get('/api/things')).status === 200)
  const [registered] = plane.state.asked
  expect(registered).toEqual({
    method: 'POST',
    url: '/v1/gateways',
    authorization: 'Bearer control',
    body: {
      id: 'test',
      adminUrl: `http://127.0.0.1:${gateway.adminPort}`,
      publicUrl: `http://127.0.0.1:${gateway.publicPort}`,
    },
  })
})

it('serves nothing until the control plane has spoken, then everything from the monolith', async () => {
  const plane = await control()
  let open = () => {}
  plane.state.gate = new Promise((resolve) => {
    open = resolve
  })
  const { get, monolith } = await start([plane])
  expect(await get('/other')).toMatchObject({ status: 503, code: 'LEASE_LOST' })
  expect(monolith.seen).toHaveLength(0)
  open()
  await until(async () => (await get('/other')).side === 'monolith')
  expect(await get('/api/things')).toMatchObject({ side: 'monolith' })
})

it('refuses moved routes, and only those, from shortly before the lease ends until it is renewed', async () => {
  const plane = await control()
  let now = 0
  const { get, monolith, service, admin } = await start([plane], () => now)
  plane.state.table = table(monolith.url, service.url, 1, { targetBuckets: ALL })
  plane.state.leaseMs = 600
  await until(async () => (await get('/api/things')).side === 'service')
  plane.state.down = true
  const renewals = plane.state.asked.length
  await until(() => plane.state.asked.length > renewals + 1)
  now += 10_000
  const refused = await get('/api/things')
  expect(refused).toMatchObject({ status: 503, code: 'LEASE_LOST' })
  expect(await get('/other')).toMatchObject({ side: 'monolith' })
  expect((await admin('GET', '/health')).status).toBe(503)
  plane.state.leaseMs = 9_000
  plane.state.down = false
  await until(async () => (await get('/api/things')).side === 'service')
})

it('counts the lease from when it asked, not from the answer', async () => {
  const plane = await control()
  let now = 0
  let open = () => {}
  plane.state.gate = new Promise((resolve) => {
    open = resolve
  })
  const { get, monolith, service, admin } = await start([plane], () => now)
  plane.state.table = table(monolith.url, service.url, 1, { targetBuckets: ALL })
  await until(() => plane.state.asked.length === 1)
  now = 8_995
  open()
  await until(async () => ((await admin('GET', '/health')).body as { table: unknown }).table)
  expect(await get('/api/things')).toMatchObject({ status: 503, code: 'LEASE_LOST' })
})

it('gives no answer that was kept before its lease was lost: what moved there and back was not told', async () => {
  const plane = await control()
  let now = 0
  const { get, monolith, service } = await start([plane], () => now)
  const routes = [{ methods: ['GET'], path: '/api/things', cache: { seconds: 86_400 } }]
  plane.state.table = table(monolith.url, service.url, 1, { targetBuckets: ALL, routes })
  plane.state.leaseMs = 600
  await until(async () => (await get('/api/things')).side === 'service')
  await get('/api/things')
  expect(service.seen).toHaveLength(1)
  plane.state.down = true
  const renewals = plane.state.asked.length
  await until(() => plane.state.asked.length > renewals + 1)
  now += 10_000
  expect(await get('/api/things')).toMatchObject({ status: 503 })
  plane.state.leaseMs = 9_000
  plane.state.down = false
  await until(async () => (await get('/api/things')).side === 'service')
  expect(service.seen).toHaveLength(2)
})

it('goes to the next control plane when one fails, and registers anew where it is not known', async () => {
  const [first, second] = [await control(), await control()]
  first.state.down = true
  const { get, monolith, service } = await start([first, second])
  second.state.leaseMs = 300
  const tableOf = (version: number) =>
    table(monolith.url, service.url, version, { targetBuckets: ALL })
  second.state.table = tableOf(1)
  await until(async () => (await get('/api/things')).status !== 503 || second.state.asked.length)
  second.state.leaseMs = 3_000
  await until(async () => (await get('/api/things')).side === 'service')
  second.state.forgets = true
  const registrations = () => second.state.asked.filter((one) => one.url === '/v1/gateways').length
  const before = registrations()
  await until(() => registrations() > before)
})

it('takes newer tables from renewals, tells its version, and no lease from who is behind', async () => {
  const plane = await control()
  let now = 0
  const { get, monolith, service, admin } = await start([plane], () => now)
  plane.state.leaseMs = 1_500
  plane.state.table = table(monolith.url, service.url, 1)
  await until(async () => (await get('/api/things')).side === 'monolith')
  plane.state.table = table(monolith.url, service.url, 2, { targetBuckets: ALL })
  await until(async () => (await get('/api/things')).side === 'service')
  await until(() => plane.state.asked.some(({ body }) => (body as RouteTable).version === 2))
  expect(plane.state.asked.at(-1)!.body).toEqual({ token: 1, version: 2 })
  const newer = { ...table(monolith.url, service.url, 3, { targetBuckets: ALL }), token: 2 }
  await admin('PUT', '/table', newer)
  // This control plane still hands out the table of token 1: an engine that was deposed.
  const asked = plane.state.asked.length
  await until(() => plane.state.asked.length >= asked + 2)
  now += 10_000
  expect(await get('/api/things')).toMatchObject({ code: 'LEASE_LOST' })
})

it('does not forward, after a hold, what the lease no longer covers', async () => {
  const plane = await control()
  let now = 0
  const { get, monolith, service, admin } = await start([plane], () => now)
  plane.state.table = table(monolith.url, service.url, 1, { hold: hold(60_000, true) })
  await until(async () => ((await admin('GET', '/health')).body as { table: unknown }).table)
  const waiting = get('/api/things')
  await until(async () => ((await admin('GET', '/health')).body as { held: number }).held === 1)
  plane.state.down = true
  now += 10_000
  await admin('PUT', '/table', table(monolith.url, service.url, 2, { targetBuckets: ALL }))
  expect(await waiting).toMatchObject({ status: 503, code: 'LEASE_LOST' })
  expect(service.seen).toHaveLength(0)
})

it('gives the lease back when it closes', async () => {
  const plane = await control()
  const { gateway, get } = await start([plane])
  await until(async () => (await get('/other')).status === 200)
  await gateway.close()
  expect(plane.state.asked.at(-1)).toMatchObject({ method: 'DELETE', url: '/v1/gateways/test' })
})

it('ends streams of moved routes, and only those, when the lease is lost', async () => {
  const plane = await control()
  const monolith = await upstream('monolith', (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 0\n\n')
  })
  plane.state.table = table(monolith.url, 'http://127.0.0.1:1', 1)
  plane.state.leaseMs = 1_000
  const { url } = await startGateway({
    monolith: monolith.url,
    control: { urls: [plane.url], token: 'control' },
    leaseMarginMs: 10,
  })
  const open = async (path: string) => {
    const client = (await RawClient.connect(url)).send(
      `GET ${path} HTTP/1.1\r\nHost: a\r\nX-Subject: ann\r\n\r\n`,
    )
    await client.until(/data: 0/)
    return client
  }
  const [moved, other] = [await open('/api/things/events'), await open('/events')]
  plane.state.down = true
  await moved.until(/0\r\n\r\n$/)
  expect(other.received).not.toMatch(/0\r\n\r\n$/)
})

it('keeps its lease when the table comes back with its keys in another order', async () => {
  const plane = await control()
  const { get, monolith, service } = await start([plane])
  const { extractions, ...rest } = table(monolith.url, service.url, 1, { targetBuckets: ALL })
  plane.state.leaseMs = 300
  plane.state.table = { extractions, ...rest }
  await until(async () => (await get('/api/things')).side === 'service')
  plane.state.table = { ...rest, extractions }
  const asked = plane.state.asked.length
  await until(() => plane.state.asked.length > asked + 3)
  expect(await get('/api/things')).toMatchObject({ side: 'service' })
})

it('lets requests wait for the first table, moved ones too', async () => {
  const plane = await control()
  let open = () => {}
  plane.state.gate = new Promise((resolve) => {
    open = resolve
  })
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  plane.state.table = table(monolith.url, service.url, 1, { targetBuckets: ALL })
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    control: { urls: [plane.url], token: 'control' },
    timeouts: { firstTableMs: 60_000 },
  })
  const answer = fetch(`${url}/api/things`, { headers: { 'x-subject': 'ann' } })
  await until(async () => ((await admin('GET', '/health')).body as { held: number }).held === 1)
  open()
  expect(await (await answer).json()).toMatchObject({ side: 'service' })
})
