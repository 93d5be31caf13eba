import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { GatewayStats, LimitRule } from '@banyan/contracts'
import { createClient } from '@redis/client'
import { expect, it, onTestFinished } from 'vitest'
import { startGateway, until, upstream } from '../testing.ts'

const url = process.env.BANYAN_REDIS_URL ?? 'redis://127.0.0.1:11379'
const ROOT = join(import.meta.dirname, '..', '..', '..', '..')
const run = promisify(execFile)

async function server(action: 'kill' | 'start'): Promise<void> {
  const args = ['--import', 'tsx', 'scripts/servers/main.ts', action, 'redis']
  await run(process.execPath, args, { cwd: ROOT })
}

/** Two gateways that count together, and nobody else. */
async function two(rule: Pick<LimitRule, 'requests' | 'seconds' | 'burst'>, answerMs: number) {
  const monolith = await upstream('monolith')
  const redis = { url, answerMs, prefix: `test:${randomUUID()}:` }
  const rules = [{ name: 'all', paths: ['/'], per: 'user' as const, ...rule }]
  const gateways = await Promise.all(
    ['one', 'two'].map((id) =>
      startGateway({ id, monolith: monolith.url, limits: { rules, redis } }),
    ),
  )
  const counting = (how: string) =>
    until(async () => {
      const health = await Promise.all(gateways.map(({ admin }) => admin('GET', '/health')))
      return health.every(({ body }) => {
        const { limits } = body as { limits: { counting: string; gateways: number } }
        return limits.counting === how && limits.gateways === 2
      })
    })
  await counting('together')
  let passed = 0
  const ask = async (user: string, times: number, atOnce: number) => {
    let asked = 0
    const asking = Array.from({ length: atOnce }, async () => {
      while (asked < times) {
        const { url: gateway } = gateways[asked++ % 2]!
        const answer = await fetch(gateway, { headers: { 'x-subject': user } })
        await answer.text()
        if (answer.status === 200) passed++
      }
    })
    await Promise.all(asking)
  }
  const alone = async () => {
    const stats = await Promise.all(gateways.map(({ admin }) => admin('GET', '/stats')))
    return stats.reduce((sum, { body }) => sum + (body as GatewayStats).limits[0]!.alone, 0)
  }
  return { ask, alone, counting, prefix: redis.prefix, passed: () => passed }
}

it('two gateways let no more pass than one would, within a hundredth', async () => {
  const rule = { requests: 100, seconds: 1, burst: 20 }
  const { ask, alone, passed } = await two(rule, 30_000)
  const began = performance.now()
  await ask('ann', 2_000, 32)
  const quota = rule.burst + ((performance.now() - began) / 1000) * rule.requests
  expect(passed()).toBeLessThanOrEqual(1.01 * quota)
  expect(passed()).toBeGreaterThanOrEqual(rule.burst)
  expect(await alone()).toBe(0)
})

it('nor while Redis is dead, nor when it comes back without its memory', async () => {
  onTestFinished(() => server('start'))
  // One in 6 s: what a gateway tells Redis of may be `answerMs` old, and so much of an interval is let pass twice.
  const rule = { requests: 100, seconds: 600, burst: 100 }
  const { ask, alone, counting, passed, prefix } = await two(rule, 500)
  const began = performance.now()
  await ask('ann', 60, 2)
  expect(passed()).toBe(60)
  await server('kill')
  await ask('ann', 100, 4)
  await counting('share')
  await ask('ann', 100, 4)
  expect(passed()).toBeGreaterThan(90)
  expect(await alone()).toBeGreaterThanOrEqual(190)
  await server('start')
  const client = createClient({ url })
  await client.connect()
  await client.del(await client.keys(`${prefix}*`))
  await client.close()
  await counting('together')
  await ask('ann', 200, 4)
  const quota = rule.burst + ((performance.now() - began) / 600_000) * rule.requests
  expect(passed()).toBeLessThanOrEqual(1.01 * quota)
})
