import { describe, expect, it } from 'vitest'
import { Visibility } from './visibility.ts'

describe('a snapshot', () => {
  it('sees what ended before it and not what ran or came later', () => {
    const snapshot = new Visibility('10:20:12,15')
    expect([9, 10, 12, 15, 19, 20, 21].map((xid) => snapshot.sees(xid))).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
      false,
    ])
  })

  it('tells 32-bit ids of either side of an epoch apart', () => {
    const epoch = 3n << 32n
    const snapshot = new Visibility(`${epoch - 5n}:${epoch + 5n}:${epoch - 5n},${epoch + 1n}`)
    expect(snapshot.sees(0xfffffffb)).toBe(false)
    expect(snapshot.sees(0xfffffffe)).toBe(true)
    expect(snapshot.sees(1)).toBe(false)
    expect(snapshot.sees(4)).toBe(true)
    expect(snapshot.sees(7)).toBe(false)
    // Just below the wrap: a small id belongs to the epoch to come.
    const before = new Visibility(`${epoch - 9n}:${epoch - 2n}:`)
    expect(before.sees(3)).toBe(false)
    expect(before.sees(0xfffffff0)).toBe(true)
  })
})
