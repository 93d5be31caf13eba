import type { ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { ALL, hold, startGateway, table, until, upstream } from './testing.ts'

const post = (url: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/api/things`, {
    method: 'POST',
    headers: { 'x-subject': 'ann', ...headers },
    body: 'x',
  })

it('holds writes and lets them go to the side that the next table names', async () => {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1),
  })
  const held = await admin(
    'PUT',
    '/table?drainMs=1000',
    table(monolith.url, service.url, 2, { hold: hold(30_000) }),
  )
  expect(held.body).toEqual({
    gateway: 'test',
    token: 1,
    version: 2,
    drained: true,
    inFlight: 0,
    held: 0,
  })
  const answer = post(url)
  await until(
    async () => (await admin('GET', '/health').then((h) => h.body as { held: number })).held,
  )
  const read = await fetch(`${url}/api/things`, { headers: { 'x-subject': 'ann' } })
  expect(await read.json()).toMatchObject({ side: 'monolith' })
  await admin('PUT', '/table', table(monolith.url, service.url, 3, { targetBuckets: ALL }))
  expect(await (await answer).json()).toMatchObject({ side: 'service', body: 'x' })
  const stats = (await admin('GET', '/stats')).body as { extractions: { holds: object }[] }
  expect(stats.extractions[0]!.holds).toMatchObject({ held: 1, released: 1, refused: 0 })
})

it('acknowledges a hold only once the writes in flight have finished', async () => {
  const waiting: ServerResponse[] = []
  const monolith = await upstream('monolith', (_, response) => waiting.push(response))
  const service = await upstream('service')
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1),
  })
  const answer = post(url)
  await until(() => waiting.length === 1)
  const next = table(monolith.url, service.url, 2, { hold: hold(30_000) })
  expect((await admin('PUT', '/table?drainMs=20', next)).body).toMatchObject({
    drained: false,
    inFlight: 1,
  })
  const acknowledgement = admin('PUT', '/table?drainMs=30000', next)
  waiting[0]!.end('done')
  expect((await acknowledgement).body).toMatchObject({ drained: true, inFlight: 0 })
  expect(await (await answer).text()).toBe('done')
})

it('answers 503 at the deadline and never forwards the request afterwards', async () => {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { hold: hold(30) }),
  })
  const answer = await post(url)
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toBe('1')
  expect(await answer.json()).toMatchObject({ code: 'HELD_TOO_LONG', budgetMs: 30 })
  await admin('PUT', '/table', table(monolith.url, service.url, 2, { targetBuckets: ALL }))
  expect((await post(url)).status).toBe(200)
  expect(monolith.seen).toHaveLength(0)
  expect(service.seen).toHaveLength(1)
})

it('holds reads too while reads move, and counts them as in flight', async () => {
  const waiting: ServerResponse[] = []
  const monolith = await upstream('monolith', (_, response) => waiting.push(response))
  const service = await upstream('service')
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1),
  })
  const read = () => fetch(`${url}/api/things`, { headers: { 'x-subject': 'ann' } })
  const first = read()
  await until(() => waiting.length === 1)
  const writes = table(monolith.url, service.url, 2, { hold: hold(30_000) })
  expect((await admin('PUT', '/table?drainMs=10', writes)).body).toMatchObject({ drained: true })
  const reads = table(monolith.url, service.url, 3, { hold: hold(30_000, true) })
  expect((await admin('PUT', '/table?drainMs=10', reads)).body).toMatchObject({ inFlight: 1 })
  const second = read()
  await until(async () => ((await admin('GET', '/health')).body as { held: number }).held === 1)
  waiting[0]!.end('old')
  expect((await admin('PUT', '/table?drainMs=30000', reads)).body).toMatchObject({
    drained: true,
    held: 1,
  })
  await admin('PUT', '/table', table(monolith.url, service.url, 4, { targetBuckets: ALL }))
  expect(await (await first).text()).toBe('old')
  expect(await (await second).json()).toMatchObject({ side: 'service' })
})

it('lets calls pass that a write in flight makes, so that the hold can ever be drained', async () => {
  const waiting: ServerResponse[] = []
  const monolith = await upstream('monolith', (seen, response) => {
    if (seen.body === 'x') waiting.push(response)
    else response.end('nested')
  })
  const service = await upstream('service')
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1),
  })
  const outer = post(url, { 'x-correlation-id': 'outer' })
  await until(() => waiting.length === 1)
  const held = table(monolith.url, service.url, 2, { hold: hold(50) })
  await admin('PUT', '/table', held)
  const nested = (subject: string, correlation: string) =>
    fetch(`${url}/api/things`, {
      method: 'POST',
      headers: { 'x-subject': subject, 'x-correlation-id': correlation },
      body: 'nested',
    })
  expect(await (await nested('ann', 'outer')).text()).toBe('nested')
  expect((await nested('ann', 'another')).status).toBe(503)
  expect((await nested('bob', 'outer')).status).toBe(503)
  waiting[0]!.end('done')
  expect(await (await outer).text()).toBe('done')
  expect((await admin('PUT', '/table?drainMs=1000', held)).body).toMatchObject({ drained: true })
  expect((await nested('ann', 'outer')).status).toBe(503)
})

it('refuses at once what finds the queue full, in number or in bytes', async () => {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    hold: { requests: 2, bytes: 1000 },
    table: table(monolith.url, service.url, 1, { hold: hold(30_000) }),
  })
  const large = await fetch(`${url}/api/things`, {
    method: 'POST',
    headers: { 'x-subject': 'ann' },
    body: 'x'.repeat(1001),
  })
  expect(await large.json()).toMatchObject({ status: 503, code: 'HOLD_QUEUE_FULL' })
  const waiting = [post(url), post(url)]
  await until(async () => ((await admin('GET', '/health')).body as { held: number }).held === 2)
  const full = await post(url)
  expect(full.status).toBe(503)
  expect(full.headers.get('retry-after')).toBe('1')
  expect(await full.json()).toMatchObject({ code: 'HOLD_QUEUE_FULL', held: 2, limit: 2 })
  await admin('PUT', '/table', table(monolith.url, service.url, 2))
  for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(200)
})

it('forgets a held request whose client has left', async () => {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { hold: hold(30_000) }),
  })
  const held = async () => ((await admin('GET', '/health')).body as { held: number }).held
  const leaving = new AbortController()
  const answer = fetch(`${url}/api/things`, {
    method: 'POST',
    headers: { 'x-subject': 'ann' },
    body: 'x',
    signal: leaving.signal,
  })
  await until(async () => (await held()) === 1)
  leaving.abort()
  await expect(answer).rejects.toThrow()
  await until(async () => (await held()) === 0)
  await admin('PUT', '/table', table(monolith.url, service.url, 2))
  expect((await post(url)).status).toBe(200)
  expect(monolith.seen).toHaveLength(1)
  const stats = (await admin('GET', '/stats')).body as { extractions: { holds: object }[] }
  expect(stats.extractions[0]!.holds).toMatchObject({ held: 1, released: 0, abandoned: 1 })
})

it('counts the budget from when a request was first held, however many holds follow', async () => {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  let now = 0
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    now: () => now,
    table: table(monolith.url, service.url, 1, { hold: hold(60_000) }),
  })
  const answer = post(url)
  await until(async () => ((await admin('GET', '/health')).body as { held: number }).held === 1)
  now = 60_000
  await admin('PUT', '/table', table(monolith.url, service.url, 2, { hold: hold(60_000, true) }))
  expect(await (await answer).json()).toMatchObject({ code: 'HELD_TOO_LONG', heldMs: 60_000 })
  expect(monolith.seen).toHaveLength(0)
})
