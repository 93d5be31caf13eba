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
