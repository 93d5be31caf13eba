import { describe, expect, it } from 'vitest'
import { Recorder, summaryOf, tookOf } from './samples.ts'

describe('samples', () => {
  it('are chosen by their kind, and by when they were due, not by when they ended', () => {
    const recorder = new Recorder()
    recorder.add('moc.read', 900, 500)
    recorder.add('moc.read', 1_000, 1)
    recorder.add('moc.write', 1_999, 2_000)
    recorder.add('moc.write', 2_000, 3)
    recorder.add('search', 1_500, 4)
    const moc = (kind: string) => kind.startsWith('moc.')
    expect(tookOf(recorder.samples, moc, 1_000, 2_000)).toEqual([1, 2_000])
    expect(tookOf(recorder.samples, () => true)).toHaveLength(5)
  })

  it('count what failed as slow as can be, however quickly it was refused', () => {
    const recorder = new Recorder()
    recorder.add('moc.read', 0, 2, '503', 10_000)
    recorder.add('moc.read', 0, 12_000, 'UND_ERR_HEADERS_TIMEOUT', 10_000)
    expect(tookOf(recorder.samples, () => true)).toEqual([10_000, 12_000])
    expect(recorder.failures).toEqual({
      'moc.read 503': 1,
      'moc.read UND_ERR_HEADERS_TIMEOUT': 1,
    })
  })
})

describe('a summary', () => {
  it('names values that were measured', () => {
    const values = Array.from({ length: 1_000 }, (_, i) => 1_000 - i)
    expect(summaryOf(values)).toEqual({ p50: 500, p95: 950, p99: 990, max: 1_000, samples: 1_000 })
  })

  it('of nothing is no number, so that it misses its goal', () => {
    expect(summaryOf([])).toMatchObject({ p95: Number.NaN, samples: 0 })
  })
})
