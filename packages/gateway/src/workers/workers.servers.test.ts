import { randomUUID } from 'node:crypto'
import { expect, it, onTestFinished } from 'vitest'
import { until, upstream } from '../testing.ts'
import { Group } from './testing/group.ts'

const url = process.env.BANYAN_REDIS_URL ?? 'redis://127.0.0.1:11379'

it('two workers that count in Redis let no more pass than one would, within a hundredth', async () => {
  const monolith = await upstream('monolith')
  const rule = { requests: 100, seconds: 1, burst: 20 }
  const group = await Group.start({
    monolith: monolith.url,
    limits: {
      rules: [{ name: 'all', paths: ['/'], per: 'user', ...rule }],
      redis: { url, answerMs: 30_000, prefix: `test:${randomUUID()}:` },
    },
  })
  onTestFinished(() => group.stop())
  await until(async () => {
    const { workers } = (await group.workers.health()) as unknown as {
      workers: { health: { limits: { counting: string; gateways: number } } }[]
    }
    return workers.every(
      ({ health: { limits } }) => limits.counting === 'together' && limits.gateways === 2,
    )
  })
  let [asked, passed] = [0, 0]
  const began = performance.now()
  const clients = Array.from({ length: 32 }, async () => {
    while (asked++ < 2_000) {
      // A new connection each time: either worker takes it.
      if ((await group.ask('/')) === 200) passed++
    }
  })
  await Promise.all(clients)
  const quota = rule.burst + ((performance.now() - began) / 1000) * rule.requests
  expect(passed).toBeLessThanOrEqual(1.01 * quota)
  expect(passed).toBeGreaterThanOrEqual(rule.burst)
  expect(await group.summed('banyan_gateway_uncounted_requests_total')).toBe(0)
})
