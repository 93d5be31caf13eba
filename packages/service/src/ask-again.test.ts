import { expect, it, vi } from 'vitest'
import { askAgain } from './ask-again.ts'

const NOW = new Date('2026-01-01T12:00:00Z')

function saidAfter(ms: number): unknown {
  const header = vi.fn()
  askAgain({ header }, new Date(NOW.getTime() - ms))
  return header.mock.calls
}

it('has what takes longer asked for later, between one second and five', () => {
  vi.useFakeTimers({ now: NOW })
  try {
    const seconds = (s: string) => [['retry-after', s]]
    expect(saidAfter(0)).toEqual(seconds('1'))
    expect(saidAfter(3_000)).toEqual(seconds('1'))
    expect(saidAfter(3_001)).toEqual(seconds('2'))
    expect(saidAfter(9_000)).toEqual(seconds('3'))
    expect(saidAfter(600_000)).toEqual(seconds('5'))
    // The clock of who wrote it down may be ahead.
    expect(saidAfter(-10_000)).toEqual(seconds('1'))
  } finally {
    vi.useRealTimers()
  }
})
