import { expect, it } from 'vitest'
import { CopyClock } from './copy-clock.ts'

function clock() {
  const time = { ms: 0 }
  return { time, clock: new CopyClock(() => time.ms) }
}

it('knows nothing before a row was copied', () => {
  expect(clock().clock.left(100, 100)).toBeNull()
})

it('counts the work of wide rows that are still to come when nothing throttles', () => {
  const { time, clock: one } = clock()
  time.ms = 1_000
  one.tick(1_000, 100_000, 0)
  // As many rows again, ten times as wide.
  expect(one.left(1_000, 1_000_000)).toBe(10_000)
})

it('counts rows when the throttle is what it waits for, however wide they are', () => {
  const { time, clock: one } = clock()
  time.ms = 1_000
  one.tick(1_000, 100_000, 950)
  expect(one.left(2_000, 200_000)).toBe(2_000)
  // So wide that the throttle would not matter any more.
  expect(one.left(2_000, 100_000_000)).toBe(50_000)
})

it('forgets how fast it was before the last 20 s', () => {
  const { time, clock: one } = clock()
  for (let second = 1; second <= 60; second++) {
    time.ms = second * 1_000
    const rows = second <= 30 ? second * 1_000 : 30_000 + (second - 30) * 10
    one.tick(rows, rows, 0)
  }
  expect(one.left(100, 100)).toBe(10_000)
})
