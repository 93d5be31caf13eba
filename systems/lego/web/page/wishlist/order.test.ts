import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isUnsettled, moved, orderOf, refreshed, settledAs, takenBack } from './order.ts'

const LIST = orderOf(['a', 'b', 'c', 'd'])

describe('the order of a list that is dragged about', () => {
  it.each([
    ['down', 'a', 2, 'bcad'],
    ['up', 'd', 1, 'adbc'],
    ['beyond the end', 'b', 9, 'acdb'],
    ['beyond the beginning', 'c', -1, 'cabd'],
  ])('shows an item that is moved %s there at once', (_where, id, to, shown) => {
    const order = moved(LIST, id, to)
    expect(order.shown.join('')).toBe(shown)
    expect(order.settled).toEqual(LIST.settled)
    expect(isUnsettled(order)).toBe(true)
  })

  it('is the same when nothing moves', () => {
    expect(moved(LIST, 'b', 1)).toBe(LIST)
    expect(moved(LIST, 'x', 1)).toBe(LIST)
  })

  it('goes back to what the server has when it refuses, however often it was moved', () => {
    const order = takenBack(moved(moved(LIST, 'a', 3), 'b', 2))
    expect(order).toEqual(LIST)
  })

  it('goes back to the last order that the server took, not to the first', () => {
    const first = moved(LIST, 'a', 3)
    const second = moved(settledAs(first, first.shown), 'c', 0)
    expect(takenBack(second).shown).toEqual(['b', 'c', 'd', 'a'])
  })

  it('is settled when the server has taken what is shown, and not by an order before that', () => {
    const first = moved(LIST, 'a', 3)
    const second = moved(first, 'b', 3)
    expect(isUnsettled(settledAs(second, first.shown))).toBe(true)
    expect(isUnsettled(settledAs(second, second.shown))).toBe(false)
  })

  it('follows the server where nothing waits', () => {
    expect(refreshed(LIST, ['d', 'a']).shown).toEqual(['d', 'a'])
  })

  it('keeps what was just moved when the server tells of the list meanwhile', () => {
    const order = refreshed(moved(LIST, 'a', 3), ['e', 'a', 'c', 'd'])
    expect(order.shown).toEqual(['c', 'd', 'a', 'e'])
    expect(order.settled).toEqual(['e', 'a', 'c', 'd'])
  })

  it('never loses or doubles an item', () => {
    const ids = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { minLength: 1 })
    const moves = fc.array(fc.tuple(fc.nat(), fc.integer({ min: -3, max: 12 })))
    fc.assert(
      fc.property(ids, ids, moves, (before, after, all) => {
        let order = orderOf(before)
        for (const [n, to] of all) order = moved(order, before[n % before.length]!, to)
        expect([...order.shown].sort()).toEqual([...before].sort())
        expect([...refreshed(order, after).shown].sort()).toEqual([...after].sort())
      }),
      { numRuns: 40 },
    )
  })
})
