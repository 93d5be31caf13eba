import { describe, expect, it } from 'vitest'
import { judge } from './goals.ts'

describe('the goals of a run', () => {
  it('are those whose figures were measured, and no others', () => {
    expect(judge({})).toEqual([])
    expect(judge({ guardOverhead: 0.1, verifyRowsPerSecond: 1 })).toEqual([
      { name: 'guardOverhead', goal: '<= 0.15', measured: 0.1, met: true },
    ])
  })

  it('are met by a figure that is exactly the bound, and missed beyond it', () => {
    const met = (figures: Parameters<typeof judge>[0]) => judge(figures).map((goal) => goal.met)
    expect(met({ copy: { ratioToCopyPipe: 0.8, ratioToNativeSync: 0.999 } })).toEqual([true, false])
    expect(met({ holdMs: { p50: 100, p99: 500.1, failures: 0, lostWrites: 1 } })).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  it('are missed by a figure that is not a number', () => {
    expect(judge({ lagMs: { p50: 1, p99: Number.NaN } })).toMatchObject([{ met: false }])
    expect(judge({ apply: { ratioToNative: Number.NaN } })).toMatchObject([{ met: false }])
  })
})
