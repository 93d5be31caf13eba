import { describe, expect, it } from 'vitest'
import { bytes, duration, ms, number, percent } from './text.ts'

describe('figures as the console writes them', () => {
  it.each([
    [number(1234567), '1,234,567'],
    [percent(0.1), '0.1 %'],
    [ms(null), '–'],
    [ms(12.34), '12.3 ms'],
    [ms(12_340), '12.3 s'],
    [bytes(999), '999 bytes'],
    [bytes(1_234_000), '1.23 MB'],
    [duration(8), '8 s'],
    [duration(125), '2 min 5 s'],
    [duration(3_700), '1 h 1 min'],
    [duration(200_000), '2 d'],
  ])('%s', (written, expected) => {
    expect(written).toBe(expected)
  })
})
