import { expect, it } from 'vitest'
import { CellRate } from './cell-rate.ts'

it('lets a burst pass, and then one for each that has come back', () => {
  const rate = new CellRate(60, 60, 3, 10)
  const verdicts = [0, 0, 0, 0].map((now) => rate.take('a', now))
  expect(verdicts.map(({ allowed }) => allowed)).toEqual([true, true, true, false])
  expect(verdicts.map(({ remaining }) => remaining)).toEqual([2, 1, 0, 0])
  expect(verdicts[3]).toEqual({ allowed: false, remaining: 0, resetMs: 3_000, retryMs: 1_000 })
  expect(rate.take('a', 999).allowed).toBe(false)
  expect(rate.take('a', 1_000).allowed).toBe(true)
  expect(rate.take('b', 1_000).remaining).toBe(2)
})

it('lets no more pass than the burst and what came back, however often it is asked', () => {
  for (const [requests, seconds, burst] of [
    [100, 60, 100],
    [7, 3, 2],
    [1_000, 1, 10],
  ] as const) {
    const rate = new CellRate(requests, seconds, burst, 10)
    let passed = 0
    const endMs = 10 * seconds * 1_000
    for (let i = 0; i <= 100_000; i++) if (rate.take('a', (i / 100_000) * endMs).allowed) passed++
    expect(passed).toBe(burst + 10 * requests)
  }
})

it('says after how long one would pass, and that is so', () => {
  const rate = new CellRate(7, 3, 2, 10)
  let now = 0
  for (let i = 0; i < 50; i++) {
    const { allowed, retryMs } = rate.take('a', now)
    if (allowed) continue
    expect(rate.take('a', now + retryMs * 0.99).allowed).toBe(false)
    now += retryMs
    expect(rate.take('a', now).allowed).toBe(true)
  }
})

it('forgets the callers it has not seen longest, when there are more than it keeps', () => {
  const rate = new CellRate(1, 60, 1, 2)
  for (const caller of ['a', 'b', 'c']) expect(rate.take(caller, 0).allowed).toBe(true)
  expect(rate.take('c', 0).allowed).toBe(false)
  expect(rate.take('a', 0).allowed).toBe(true)
})

it('divides what is left among those who count each for itself', () => {
  const [one, other] = [new CellRate(60, 60, 10, 10), new CellRate(60, 60, 10, 10)]
  let verdict = one.take('a', 0)
  for (let i = 1; i < 4; i++) verdict = one.take('a', 0)
  // Both knew of the first four.
  other.note('a', true, verdict.resetMs, 0)
  const passed = (rate: CellRate, now: number) => {
    let count = 0
    while (rate.take('a', now, 2).allowed) count++
    return count
  }
  expect([passed(one, 0), passed(other, 0)]).toEqual([3, 3])
  expect([passed(one, 10_000), passed(other, 10_000)]).toEqual([5, 5])
})

it('lets one pass now and then although its share of a burst is less than one', () => {
  const rate = new CellRate(1, 1, 1, 10)
  expect([0, 1, 2, 3, 4].map((s) => rate.take('a', s * 1_000, 3).allowed)).toEqual([
    ...[true, false, false, true, false],
  ])
})
