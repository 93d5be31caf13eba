import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { otherHalf } from './sequences.ts'

describe('the half of the numbers that the other side draws from', () => {
  it('never meets the first half, and is never behind what was drawn there', () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 10n ** 12n),
        fc.bigInt(0n, 10n ** 12n),
        fc.bigInt(1n, 100n),
        (last, theirs, increment) => {
          const start = otherHalf(last, theirs, increment)
          const step = 2n * increment
          expect(start >= theirs).toBe(true)
          // The source draws last + step, last + 2 steps, …; the target start + step, …
          expect((start - last) % step).toBe(increment)
        },
      ),
    )
  })
})
