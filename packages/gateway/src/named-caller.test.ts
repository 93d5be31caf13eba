import { BucketSet } from '@banyan/contracts'
import { expect, it } from 'vitest'
import { startGateway, table, until, upstream } from './testing.ts'

it('says who asks once, where the header that it believes is called as its own', async () => {
  const answer = (_: unknown, response: import('node:http').ServerResponse) => response.end('[]')
  const monolith = await upstream('monolith', answer)
  const service = await upstream('service', answer)
  const routes = { shadow: { percent: 100, ignore: [] } }
  const started = await startGateway({
    auth: { kind: 'header', name: 'X-User-Id' },
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, routes),
  })
  const ask = () => fetch(`${started.url}/api/things`, { headers: { 'x-user-id': '7' } })
  await ask()
  // The monolith's own, and the shadow's.
  expect(monolith.seen[0]!.headers).toMatchObject({ 'x-user-id': '7' })
  await until(async () => service.seen.length > 0)
  expect(service.seen[0]!.headers).toMatchObject({ 'x-user-id': '7', 'x-banyan-shadow': '1' })
  await started.admin(
    'PUT',
    '/table',
    table(monolith.url, service.url, 2, { targetBuckets: BucketSet.all.toString() }),
  )
  await ask()
  const last = service.seen.at(-1)!.headers
  expect(last['x-banyan-shadow']).toBeUndefined()
  expect(last).toMatchObject({ 'x-user-id': '7' })
})
