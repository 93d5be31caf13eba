import { beforeAll, describe, expect, it } from 'vitest'
import { resolveExtraction } from '../plan.ts'
import { examplePlan } from '../testing/example-plan.ts'
import { MetricGates } from './metric-gates.ts'
import { askPrometheus } from './prometheus.ts'
import type { MetricGate } from './setting.ts'

const url = process.env.BANYAN_PROMETHEUS_URL ?? 'http://127.0.0.1:14090'
const never = new AbortController().signal
const ask = (query: string, window?: string) =>
  askPrometheus({ url, query, ...(window ? { window } : {}) }, 5_000, never)

/** The server scrapes itself each second. */
beforeAll(async () => {
  while ((await ask('up{job="prometheus"}').catch(() => []))[0] !== 1) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}, 30_000)

describe('a real Prometheus', () => {
  it('evaluates a query over a window, and a scalar', async () => {
    const [seen] = await ask('sum(rate(prometheus_http_requests_total[$window]))', '1m')
    expect(seen).toBeGreaterThanOrEqual(0)
    expect(await ask('scalar(vector(7))')).toEqual([7])
    expect(await ask('vector(1) / 0')).toEqual([Number.POSITIVE_INFINITY])
  })

  it.each([
    ['there is no such series', 'no_such_metric_total', /finds no series/],
    ['it is no number', 'vector(0) / 0', /no number/],
    ['it is no PromQL', 'sum(', /bad_data/],
    ['it is of a range', 'up[1m]', /no instant vector/],
  ])('says why there is no value: %s', async (_, query, words) => {
    await expect(ask(query)).rejects.toThrow(words)
  })

  it('opens a gate, and fails it', async () => {
    const judge = async (require: MetricGate['require']) => {
      const gate = { name: 'up', prometheus: { url, query: 'up{job="prometheus"}' }, require }
      const made = new MetricGates(resolveExtraction(examplePlan({ metrics: [gate] }), 'things'))
      made.look()
      await expect
        .poll(() => made.judge(0, true).figures[0]!.measured, { interval: 10, timeout: 10_000 })
        .toBe('1')
      const { failed, waiting } = made.judge(0, true)
      await made.stop()
      return { failed, waiting }
    }
    expect(await judge({ atLeast: 1 })).toEqual({ failed: [], waiting: [] })
    expect(await judge({ above: 1 })).toEqual({ failed: ['up: 1 is not above 1'], waiting: [] })
  })
})
