import { describe, expect, it } from 'vitest'
import { compare, interleave, median, spread } from './statistics.ts'

describe('rounds of a comparison', () => {
  it('run one contender after the other, every other round in the opposite order when asked', async () => {
    const order: string[] = []
    const run = (name: string) => async (round: number) => {
      order.push(`${name}${round}`)
      return round
    }
    const rounds = await interleave(2, { a: run('a'), b: run('b') })
    await interleave(2, { a: run('A'), b: run('B') }, true)
    expect(order).toEqual(['a1', 'b1', 'a2', 'b2', 'A1', 'B1', 'B2', 'A2'])
    expect(rounds).toEqual([
      { a: 1, b: 1 },
      { a: 2, b: 2 },
    ])
  })

  it('give the median of their ratios, not the ratio of their medians', () => {
    // A machine that is ten times slower in one round: both contenders are.
    const rounds = [
      { ours: 80, peer: 100 },
      { ours: 9, peer: 10 },
      { ours: 1000, peer: 200 },
    ]
    expect(compare(rounds, 'ours', 'peer')).toMatchObject({ ratio: 0.9, ours: 80, peer: 100 })
    expect(compare(rounds, 'ours', 'peer').rounds[2]).toEqual({ ours: 1000, peer: 200, ratio: 5 })
  })

  it('refuse to compare nothing', () => {
    expect(() => compare([], 'ours', 'peer')).toThrow(RangeError)
  })
})

describe('a median', () => {
  it('is the middle value, or the mean of the middle two', () => {
    expect(median([5, 1, 3])).toBe(3)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([])).toBeNaN()
  })
})

describe('a spread', () => {
  it('names values that were measured, and how many there were', () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i)
    expect(spread(values)).toEqual({ p50: 100, p90: 180, p99: 198, max: 200, samples: 200 })
  })
})
