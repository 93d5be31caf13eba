import { type ExtractionStats, LATENCY_BOUNDS_MS } from '@banyan/contracts'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Gateways } from './gateways.ts'
import { Measurements } from './measurements.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A gateway that has answered so many requests at the target, each within `ms`. */
class Counting {
  #latency = LATENCY_BOUNDS_MS.map(() => 0)
  away = false
  requests = 0
  compared = 0
  differing = 0
  errors = 0

  answer(requests: number, ms: number): void {
    this.requests += requests
    LATENCY_BOUNDS_MS.forEach((bound, i) => {
      if (bound >= ms) this.#latency[i]! += requests
    })
  }

  /** The shadow has compared so many answers, of which some differ. */
  compare(compared: number, differing: number): void {
    this.compared += compared
    this.differing += differing
  }

  restart(): void {
    this.#latency = LATENCY_BOUNDS_MS.map(() => 0)
    this.requests = this.compared = this.differing = 0
  }

  async stats() {
    if (this.away) return []
    const none = { requests: 0, errors: 0, latency: LATENCY_BOUNDS_MS.map(() => 0) }
    const extraction: ExtractionStats = {
      extraction: 'things',
      source: none,
      target: { requests: this.requests, errors: this.errors, latency: [...this.#latency] },
      shadow: {
        compared: this.compared,
        differing: this.differing,
        dropped: 0,
        differences: [],
      },
      holds: { held: 0, released: 0, refused: 0, recentMs: [] },
      replayed: 0,
    }
    return [{ gateway: 'one', extractions: [extraction] }]
  }
}

function measuring() {
  const gateway = new Counting()
  const measurements = new Measurements(gateway as unknown as Gateways, 'things')
  /** What is measured after `ms` more, asked of the gateway every 600 ms while the other side is in step or not. */
  const look = async (inStep = true, ms = 600) => {
    for (let passed = 0; passed < ms; passed += 600) {
      await vi.advanceTimersByTimeAsync(600)
      measurements.poll(inStep, false)
      await vi.advanceTimersByTimeAsync(0)
    }
    const { target, shadow, now } = measurements.measures([0, 0], 0)
    const { compared, differing } = shadow
    return { requests: target.requests, timed: target.latency.at(-1), compared, differing, now }
  }
  return { gateway, measurements, look }
}

it('counts the burst after a handover as requests, and does not time it', async () => {
  const { gateway, measurements, look } = measuring()
  gateway.answer(100, 5)
  await look()
  measurements.rebase()
  gateway.answer(40, 300)
  expect(await look()).toMatchObject({ requests: 40, timed: 0 })
  await look()
  expect(await look()).toMatchObject({ requests: 40, timed: 0 })
  gateway.answer(10, 5)
  expect(await look()).toMatchObject({ requests: 50, timed: 10 })
})

it('does not count against a step what failed before it and was not told yet', async () => {
  const { gateway, measurements, look } = measuring()
  await look()
  gateway.answer(30, 5)
  gateway.errors = 25
  await measurements.refresh()
  measurements.rebase()
  gateway.answer(10, 5)
  expect(await look()).toMatchObject({ requests: 10, now: { requests: 10, errors: 0 } })
})

it('tells of the latencies span by span, from behind the burst', async () => {
  const { gateway, measurements, look } = measuring()
  const slow = () => measurements.measures([0, 0], 0).spans.map(({ target }) => target.at(-1))
  await look()
  measurements.rebase()
  gateway.answer(40, 300)
  await look(true, 1_800)
  expect(slow()).toEqual([])
  gateway.answer(7, 5)
  await look(true, 2_400)
  expect(slow()).toEqual([7])
  gateway.answer(9, 5)
  await look(true, 1_800)
  expect(slow()).toEqual([9, 7])
  await look(true, 6_000)
  expect(slow()).toEqual([0, 0, 0])
})

it('does not judge what was counted before its engine came', async () => {
  const { gateway, measurements, look } = measuring()
  gateway.answer(100, 5)
  gateway.compare(100, 50)
  measurements.rebase()
  expect(await look()).toMatchObject({ requests: 0, compared: 0, differing: 0 })
  gateway.answer(10, 5)
  expect(await look()).toMatchObject({ requests: 10 })
})

it('counts what the shadow compares from when the other side is in step, and the answers asked again are in', async () => {
  const { gateway, look } = measuring()
  await look(false, 3_000)
  gateway.compare(20, 20)
  // Asked first while the other side lagged, and counted after.
  await look(true, 1_800)
  gateway.compare(20, 20)
  expect(await look(true, 1_200)).toMatchObject({ compared: 0, differing: 0 })
  gateway.compare(20, 1)
  expect(await look()).toMatchObject({ compared: 20, differing: 1 })
})

it('begins to count anew when the engine itself has stood still', async () => {
  const { gateway, look } = measuring()
  await look(true, 3_600)
  gateway.compare(20, 1)
  expect(await look()).toMatchObject({ compared: 20, differing: 1 })
  await vi.advanceTimersByTimeAsync(1_000)
  gateway.compare(20, 20)
  expect(await look()).toMatchObject({ compared: 0, differing: 0 })
})

it('begins to count anew when the other side has lagged in between', async () => {
  const { gateway, look } = measuring()
  await look(true, 3_600)
  gateway.compare(20, 1)
  expect(await look()).toMatchObject({ compared: 20, differing: 1 })
  await look(false)
  gateway.compare(20, 20)
  expect(await look(false)).toMatchObject({ compared: 0, differing: 0 })
  await look(true, 3_600)
  gateway.compare(10, 2)
  expect(await look()).toMatchObject({ compared: 10, differing: 2 })
})

it('counts on when a gateway counts from zero again, or tells nothing', async () => {
  const { gateway, measurements, look } = measuring()
  gateway.answer(100, 5)
  await look(true, 3_600)
  measurements.rebase()
  gateway.answer(40, 5)
  gateway.compare(40, 0)
  await look()
  gateway.restart()
  gateway.answer(2, 5)
  expect(await look()).toMatchObject({ requests: 42, compared: 40 })
  gateway.away = true
  expect(await look()).toMatchObject({ requests: 42, compared: 40 })
  gateway.away = false
  gateway.answer(3, 5)
  expect(await look()).toMatchObject({ requests: 45 })
})

it('knows what the target answers now, however long the step is', async () => {
  const { gateway, measurements, look } = measuring()
  await look()
  gateway.answer(50_000, 5)
  await look(true, 3_600)
  gateway.answer(30, 5)
  gateway.errors += 25
  expect(await look()).toMatchObject({ requests: 50_030, now: { requests: 30, errors: 25 } })
  expect((await look(true, 3_000)).now).toEqual({ requests: 0, errors: 0 })
  gateway.answer(30, 5)
  gateway.errors += 25
  await look()
  measurements.rebase()
  expect((await look()).now).toEqual({ requests: 0, errors: 0 })
})
