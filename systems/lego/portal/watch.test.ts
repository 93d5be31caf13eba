import { defineService, startService } from '@banyan/service'
import { ask, IDENTITY_KEY } from '@banyan/service/testing'
import { expect, it } from 'vitest'
import { between, readCounted } from './figures.ts'
import { Watch } from './watch.ts'
import { watchPageOf } from './watch-page.ts'

const counted = (answers: number, errors: number, within: readonly number[]) =>
  readCounted(
    [
      '# HELP http_requests_total Requests answered',
      `http_requests_total{service="moc",route="/v1/mocs",status="200"} ${answers}`,
      'http_requests_total{service="moc",route="/metrics",status="200"} 99',
      `http_request_errors_total{route="/v1/mocs"} ${errors}`,
      ...['0.1', '1', '+Inf'].map(
        (le, i) => `http_request_duration_seconds_bucket{le="${le}",route="/v1/mocs"} ${within[i]}`,
      ),
      'http_request_duration_seconds_bucket{le="0.1",route="/health/live"} 99',
    ].join('\n'),
  )

it('tells rate, errors and latency of what happened between two looks', () => {
  const figures = between(counted(100, 10, [100, 100, 100]), counted(300, 20, [200, 290, 300]), 10)
  expect(figures).toMatchObject({ requestsPerSecond: 20, errorShare: 0.05, p50: 0.1 })
  expect(figures!.p95).toBeCloseTo(1)
  // Slower than the last bound: how much nobody has counted.
  expect(figures!.p99).toBe(1)
})

it('tells nothing of a service that was idle, or began anew', () => {
  const idle = between(counted(100, 10, [90, 100, 100]), counted(100, 10, [90, 100, 100]), 10)
  expect(idle).toEqual({ requestsPerSecond: 0, errorShare: null, p50: null, p95: null, p99: null })
  expect(between(counted(100, 0, [0, 0, 0]), counted(1, 0, [1, 1, 1]), 10)).toBeNull()
  expect(between(null, counted(1, 0, [1, 1, 1]), 10)).toBeNull()
})

it('watches a service while it answers, says so when it does not, and sees it come back', async () => {
  const definition = defineService({
    name: 'stock',
    port: 0,
    title: 'Stock',
    routes: { '/v1/items': (app) => void app.get('/:id', () => ({})) },
  })
  const start = (port: string) =>
    startService(definition, {
      env: { PORT: port, LOG_LEVEL: 'silent', BANYAN_IDENTITY_KEY: IDENTITY_KEY },
    })
  let running = await start('0')
  let now = 0
  const watch = new Watch([{ name: 'stock', url: running.url }], () => now)
  const look = async (requests: number) => {
    for (let i = 0; i < requests; i++) await ask(`${running.url}/v1/items/1`)
    now += 10_000
    await watch.look()
    return watch.list()[0]!
  }
  expect(await look(0)).toMatchObject({ figures: null, fault: null })
  expect(await look(20)).toMatchObject({ figures: { requestsPerSecond: 2, errorShare: 0 } })
  expect(watchPageOf(watch.list())).toMatch(/<tr id="stock">.*>2\.0<\/td><td[^>]*>0\.0 %<\/td>/s)

  await running.stop()
  now += 10_000
  await watch.look()
  expect(watch.list()).toMatchObject([{ fault: 'cannot be reached', history: [2, null] }])
  expect(watchPageOf(watch.list())).toContain('0 of 1 answer')

  running = await start(new URL(running.url).port)
  await look(5)
  expect(await look(10)).toMatchObject({ fault: null, history: [2, null, null, 1] })
  await running.stop()
})
