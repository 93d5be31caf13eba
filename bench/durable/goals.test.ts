import { describe, expect, it } from 'vitest'
import { against, judge } from './goals.ts'

const round = (ours: number, pgBoss: number, graphileWorker: number) => ({
  ours,
  pgBoss,
  graphileWorker,
})

describe('a race', () => {
  it('is against the better of both, whichever that is in a round', () => {
    const rounds = [round(300, 100, 50), round(300, 50, 150), round(300, 10, 20)]
    // 3, 2 and 15 times as fast.
    expect(against(rounds)).toEqual({ ours: 300, pgBoss: 50, graphileWorker: 50, ratio: 3 })
  })

  it('without a round has no winner', () => {
    expect(() => against([])).toThrow('nothing was measured')
  })
})

describe('the goals', () => {
  const beaten = (ratio: number) => ({ ours: 1, pgBoss: 1, graphileWorker: 1, ratio })

  it('are those of the races that were run', () => {
    expect(judge({})).toEqual([])
    expect(judge({ saga: beaten(3) })).toEqual([
      { name: 'saga.ratio', goal: '>= 2', measured: 3, met: true },
    ])
  })

  it('are met by exactly twice, and by nothing less', () => {
    const met = (ratio: number) => judge({ relay: beaten(ratio) })[0]!.met
    expect([2, 1.999, Number.NaN].map(met)).toEqual([true, false, false])
  })
})
