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
