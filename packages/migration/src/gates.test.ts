import { type ExtractionStats, LATENCY_BOUNDS_MS, type SideStats } from '@banyan/contracts'
import { describe, expect, it } from 'vitest'
import { judgeCanary, judgeShadow, type Measures, since } from './gates.ts'
import { latencyQuantile } from './gateways.ts'
import { type ExtractionPlan, resolveExtraction } from './plan.ts'
import { examplePlan } from './testing/example-plan.ts'

const plan = resolveExtraction(examplePlan(), 'things')

/** A side that answered `requests` times within `ms`, `errors` of them with 5xx. */
function side(requests: number, errors: number, ms: number): SideStats {
  return {
    requests,
    errors,
    latency: LATENCY_BOUNDS_MS.map((bound) => (bound >= ms ? requests : 0)),
  }
}

/** Spans in which the service took so long, newest first; the monolith takes 10 ms. */
function spans(...ms: readonly number[]): Measures['spans'] {
  return ms.map((target) => ({
    source: side(100, 0, 10).latency,
    target: side(100, 0, target).latency,
  }))
}

function measures(change: Partial<Measures> = {}): Measures {
  return {
    source: side(1000, 0, 10),
    target: side(1000, 0, 10),
    now: { requests: 100, errors: 0 },
    spans: spans(10, 10, 10),
    shadow: { compared: 1000, differing: 0 },
    lagMs: 10,
    divergent: 0,
    ...change,
  }
}

const bothSlow: Measures['spans'] = spans(50, 50, 50).map(({ target }) => ({
  source: target,
  target,
}))

describe('the gates of a canary', () => {
  it('hold when everything is within bounds', () => {
    const { failed, waiting, figures } = judgeCanary(plan, measures())
    expect({ failed, waiting }).toEqual({ failed: [], waiting: [] })
    expect(figures.map(({ gate, state }) => [gate, state])).toEqual(
      [
        'requests at the service',
        'error rate',
        'errors of the last 2 s',
        'p95 of the service',
        'divergent rows',
        'shadow answers that differ',
        'lag of both streams',
      ].map((gate) => [gate, 'holds']),
    )
  })

  it('wait for want of samples, without failing', () => {
    const { failed, waiting } = judgeCanary(plan, measures({ target: side(10, 0, 10) }))
    expect(failed).toEqual([])
    expect(waiting).toEqual(['10 of 50 requests at the service'])
  })

  it('wait until enough answers were timed, however the burst after a handover fared', () => {
    const burst = { ...side(1000, 0, 10), latency: side(20, 0, 5000).latency }
    const { failed, waiting } = judgeCanary(plan, measures({ target: burst }))
    expect(failed).toEqual([])
    expect(waiting).toEqual(['20 of 50 answers of the service to be timed'])
  })

  it.each<[string, Partial<Measures>]>([
    ['error rate 2 % is above 1 %', { target: side(1000, 20, 10) }],
    [
      '4 of the 4 requests of the last 2 s failed, more than chance allows at 1 %',
      { target: side(180_000, 4, 10), now: { requests: 4, errors: 4 } },
    ],
    [
      'p95 of the service is 50 ms, allowed are 20 ms',
      { target: side(1000, 0, 50), spans: spans(50, 200, 50) },
    ],
    ['1 rows differ, allowed are 0', { divergent: 1 }],
    [
      '5 of 1000 shadow answers differ, allowed are 0.1 %',
      { shadow: { compared: 1000, differing: 5 } },
    ],
  ])('fail when %s', (reason, change) => {
    expect(judgeCanary(plan, measures(change)).failed).toEqual([reason])
  })

  it.each([
    [1, 1],
    [3, 3],
    [5, 20],
    [10, 100],
  ])(
    'do not roll back for %i errors of the last %i requests, which may be chance',
    (errors, requests) => {
      const target = side(180_000, errors, 10)
      expect(judgeCanary(plan, measures({ target, now: { requests, errors } })).failed).toEqual([])
    },
  )

  it.each([
    ['the newest span is within the bound', spans(20, 50, 50)],
    ['an older one was', spans(50, 50, 10)],
    ['less has been timed', spans(50, 50)],
    ['the monolith was as slow meanwhile', bothSlow],
  ])('wait for slow answers to pass while %s', (_, newest) => {
    const { failed, waiting } = judgeCanary(
      plan,
      measures({ target: side(1000, 0, 50), spans: newest }),
    )
    expect(failed).toEqual([])
    expect(waiting).toEqual([
      'p95 of the service is 50 ms, allowed are 20 ms, unless it passes within 6 s',
    ])
  })

  it('fail for slow answers that are few in each span, as they say nothing else', () => {
    const { latency } = side(5, 0, 10)
    const few = [1, 2, 3].map(() => ({ source: latency, target: latency }))
    expect(
      judgeCanary(plan, measures({ target: side(1000, 0, 50), spans: few })).failed,
    ).toHaveLength(1)
  })

  it('wait while the slow ones may be two of a few, which are all that is known', () => {
    const { latency } = side(5, 0, 50)
    const few = [1, 2, 3].map(() => ({ source: latency, target: latency }))
    const judge = (answers: number) =>
      judgeCanary(plan, measures({ target: side(answers, 0, 50), spans: few }))
    expect(judge(59)).toMatchObject({
      failed: [],
      waiting: [
        'p95 of the service is 50 ms, allowed are 20 ms, unless it passes within 60 answers',
      ],
    })
    expect(judge(60).failed).toHaveLength(1)
  })

  it('do not roll back for errors where the plan allows any number of them', () => {
    const lenient = { ...plan, gates: { ...plan.gates, errorRate: 1 } } as typeof plan
    const now = { requests: 100, errors: 100 }
    expect(judgeCanary(lenient, measures({ now })).failed).toEqual([])
  })

  it('do not roll back for a single error among few requests, nor for latencies nobody feels', () => {
    expect(judgeCanary(plan, measures({ target: side(5, 1, 10) })).failed).toEqual([])
    expect(
      judgeCanary(plan, measures({ target: side(1000, 0, 15), source: side(1000, 0, 1) })).failed,
    ).toEqual([])
  })

  it('wait for lag to pass', () => {
    expect(judgeCanary(plan, measures({ lagMs: 5000 })).waiting).toHaveLength(1)
    expect(judgeCanary(plan, measures({ lagMs: null })).waiting).toHaveLength(1)
  })
})

describe('the gates of requests that move alone', () => {
  const { tables: _, ...rest } = examplePlan().extractions[0]!
  const like = { ...rest, service: { url: 'http://127.0.0.1:2' } }
  const resolve = (one: ExtractionPlan) =>
    resolveExtraction({ ...examplePlan(), extractions: [one] }, 'things')
  const gates = (one: ExtractionPlan, change: Partial<Measures> = {}) =>
    judgeCanary(resolve(one), measures({ lagMs: null, divergent: null, ...change }))

  it('ask for no rows and no lag, and fail for the same errors', () => {
    const routes = { ...like, kind: 'routes' as const }
    expect(gates(routes)).toMatchObject({ failed: [], waiting: [] })
    expect(gates(routes).figures.map(({ gate }) => gate)).toEqual([
      'requests at the service',
      'error rate',
      'errors of the last 2 s',
      'p95 of the service',
      'shadow answers that differ',
    ])
    expect(gates(routes, { target: side(1000, 20, 10) }).failed).toHaveLength(1)
  })

  it('wait for an index that lags, or says nothing', () => {
    const index = { ...like, kind: 'index' as const, index: { path: '/internal/index' } }
    expect(gates(index).waiting).toEqual(['the lag of the index to be measured'])
    expect(gates(index, { lagMs: 5000 }).waiting).toEqual(['lag 5000 ms to fall below 2000 ms'])
    expect(gates(index, { lagMs: 5000 }).failed).toEqual([])
  })
})

describe('the gate of the shadow', () => {
  it('waits for comparisons, then fails on differences', () => {
    expect(judgeShadow(plan, measures({ shadow: { compared: 5, differing: 5 } })).failed).toEqual(
      [],
    )
    expect(
      judgeShadow(plan, measures({ shadow: { compared: 1000, differing: 5 } })).failed,
    ).toHaveLength(1)
  })
})

describe('latencies', () => {
  it('come out of a cumulative histogram', () => {
    expect(latencyQuantile(side(100, 0, 7).latency, 0.95)).toBe(7)
    expect(latencyQuantile(side(0, 0, 7).latency, 0.95)).toBeNull()
  })
})

describe('counters since a step began', () => {
  const stats = (n: number): ExtractionStats => ({
    extraction: 'things',
    source: side(n, 0, 10),
    target: side(n, 0, 10),
    shadow: { compared: n, differing: 0, dropped: 0, differences: [] },
    holds: { held: 0, released: 0, refused: 0, recentMs: [] },
    replayed: 0,
  })

  it('are the difference', () => {
    expect(since(stats(100), stats(40)).target.requests).toBe(60)
  })

  it('are the whole after a gateway was restarted', () => {
    expect(since(stats(10), stats(40)).target.requests).toBe(10)
  })
})
