import { BucketSet, bucketOf, verifyIdentity } from '@banyan/contracts'
import { expect, it } from 'vitest'
import { ALL, IDENTITY_KEY, startGateway, table, upstream } from './testing.ts'

it('sends what matches no route to the monolith, and moved routes to the side of their bucket', async () => {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const targetBuckets = BucketSet.of([bucketOf('ann')]).toString()
  const { url } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { targetBuckets }),
  })
  const get = async (path: string, subject: string) =>
    (await fetch(url + path, { headers: { 'x-subject': subject } })).json()

  expect(await get('/other?a=%2F', 'ann')).toMatchObject({ side: 'monolith', url: '/other?a=%2F' })
  expect(await get('/api/things/7?q=1', 'ann')).toMatchObject({
    side: 'service',
    url: '/v1/things/7?q=1',
  })
  expect(await get('/API/Things/', 'ann')).toMatchObject({ side: 'service', url: '/v1/things' })
  expect(await get('/api/things', 'bob')).toMatchObject({ side: 'monolith', url: '/api/things' })
  const { headers } = service.seen[0]!
  expect(headers['x-user-id']).toBe('ann')
  expect(verifyIdentity(headers['x-banyan-identity'] as string, IDENTITY_KEY)?.userId).toBe('ann')
  expect(monolith.seen[0]!.headers['x-user-id']).toBeUndefined()
})

it('carries a write with its body to the target', async () => {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const { url, admin } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { targetBuckets: ALL }),
  })
  const answer = await fetch(`${url}/api/things`, {
    method: 'POST',
    headers: { 'x-subject': 'ann' },
    body: 'hello',
  })
  expect(await answer.json()).toMatchObject({ side: 'service', url: '/v1/things', body: 'hello' })
  const stats = await admin('GET', '/stats')
  expect(stats.body).toMatchObject({
    extractions: [{ extraction: 'things', target: { requests: 1, errors: 0 } }],
  })
})

it('sends nothing to a monolith that is retired: unknown routes are 404, unknown callers the service’s', async () => {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const moved = table(monolith.url, service.url, 1, { targetBuckets: ALL })
  const { url, admin } = await startGateway({ monolith: monolith.url, table: moved })
  const statuses = async () => {
    const asked = [
      fetch(`${url}/api/things/1`, { headers: { 'x-subject': 'ada' } }),
      fetch(`${url}/api/things/1`),
      fetch(`${url}/api/other`, { headers: { 'x-subject': 'ada' } }),
    ]
    return (await Promise.all(asked)).map(({ status }) => status)
  }
  expect(await statuses()).toEqual([200, 200, 200])
  expect(monolith.seen.map((one) => one.url).sort()).toEqual(['/api/other', '/api/things/1'])
  await admin('PUT', '/table', { ...moved, version: 2, retired: true })
  expect(await statuses()).toEqual([200, 200, 404])
  expect(monolith.seen).toHaveLength(2)
  const nobody = service.seen.filter((one) => one.headers['x-banyan-identity'] === undefined)
  expect(nobody.map((one) => one.url)).toEqual(['/v1/things/1'])
})
