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
  readonly #latency = LATENCY_BOUNDS_MS.map(() => 0)
  requests = 0

  answer(requests: number, ms: number): void {
    this.requests += requests
    LATENCY_BOUNDS_MS.forEach((bound, i) => {
      if (bound >= ms) this.#latency[i]! += requests
    })
  }

  async stats() {
    const none = { requests: 0, errors: 0, latency: LATENCY_BOUNDS_MS.map(() => 0) }
    const extraction: ExtractionStats = {
      extraction: 'things',
      source: none,
      target: { requests: this.requests, errors: 0, latency: [...this.#latency] },
      shadow: { compared: 0, differing: 0, dropped: 0, differences: [] },
      holds: { held: 0, released: 0, refused: 0, recentMs: [] },
      replayed: 0,
    }
    return [{ gateway: 'one', extractions: [extraction] }]
  }
}

it('counts the burst after a handover as requests, and does not time it', async () => {
  const gateway = new Counting()
  const measurements = new Measurements(gateway as unknown as Gateways, 'things')
  const look = async () => {
    await vi.advanceTimersByTimeAsync(600)
    measurements.poll()
    await vi.advanceTimersByTimeAsync(0)
    const { target } = measurements.measures([0], 0)
    return { requests: target.requests, timed: target.latency.at(-1) }
  }
  gateway.answer(100, 5)
  await look()
  measurements.rebase()
  gateway.answer(40, 300)
  expect(await look()).toEqual({ requests: 40, timed: 0 })
  await look()
  expect(await look()).toEqual({ requests: 40, timed: 0 })
  gateway.answer(10, 5)
  expect(await look()).toEqual({ requests: 50, timed: 10 })
})
