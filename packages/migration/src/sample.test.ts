import { describe, expect, it } from 'vitest'
import { initialStatus } from './report.ts'
import { type Sample, withSample } from './sample.ts'
import type { ExtractionRow } from './store.ts'

const row = { name: 'orders', phase: 'canary', phaseSince: new Date(0) } as ExtractionRow
const at = (seconds: number) => ({
  ...initialStatus(row, 'tables'),
  at: new Date(seconds * 1000).toISOString(),
})
const told = (seconds: readonly number[]): readonly Sample[] =>
  seconds.reduce<readonly Sample[]>((known, one) => withSample(known, at(one)), [])

describe('figures over time', () => {
  it('are taken every two seconds of what engines measure more often', () => {
    const times = told([0, 0.5, 1, 1.5, 2, 2.5, 3.9, 4, 9]).map((one) => one.at / 1000)
    expect(times).toEqual([0, 2, 3.9, 9])
  })

  it('are taken once of what is told again, and not of what nobody measured', () => {
    expect(told([5, 5, 4])).toHaveLength(1)
    expect(withSample([], initialStatus(row, 'tables'))).toEqual([])
  })

  it('are kept for a quarter of an hour', () => {
    const kept = told(Array.from({ length: 1_000 }, (_, i) => i * 2))
    expect(kept).toHaveLength(450)
    expect(kept.at(-1)!.at - kept[0]!.at).toBe(449 * 2_000)
  })
})
