import { describe, expect, it } from 'vitest'
import { scheduleOf } from './schedule.ts'

describe('a schedule', () => {
  const due = scheduleOf({ often: 500, seldom: 2 }, 60, 7)

  it('has exactly as many requests of each stream as its rate says', () => {
    const count = (stream: string) => due.filter((one) => one.stream === stream).length
    expect([count('often'), count('seldom'), due.length]).toEqual([30_000, 120, 30_120])
  })

  it('is in order, within its time, and spread over all of it', () => {
    expect(due.every(({ atMs }, i) => i === 0 || atMs >= due[i - 1]!.atMs)).toBe(true)
    const inSecond = Array.from({ length: 60 }, () => 0)
    for (const { atMs } of due) inSecond[Math.floor(atMs / 1000)]!++
    expect(inSecond).toHaveLength(60)
    // 502 are expected of each second; of a Poisson process 7 standard deviations are never seen.
    expect(Math.min(...inSecond)).toBeGreaterThan(340)
    expect(Math.max(...inSecond)).toBeLessThan(665)
    // Not evenly: users come together now and then.
    expect(Math.max(...inSecond) - Math.min(...inSecond)).toBeGreaterThan(40)
  })

  it('is the same for the same seed, and each stream the same whatever stands beside it', () => {
    const alone = scheduleOf({ seldom: 2 }, 60, 7)
    expect(due.filter(({ stream }) => stream === 'seldom')).toEqual(alone)
    expect(scheduleOf({ seldom: 2 }, 60, 8)).not.toEqual(alone)
  })
})
