import { describe, expect, it } from 'vitest'
import { countWithin, needsOf, totalOf } from './need.ts'

const lot = (part: string, color: number | null, quantity: number, spare = false) => ({
  ...{ part, color, quantity, spare },
})
const list = (format: string, ...parts: ReturnType<typeof lot>[]) => ({ id: format, format, parts })
const kept = (partNumber: string, colorCode: string | null, acquiredCount: number) => ({
  ...{ id: partNumber, partNumber, colorCode, acquiredCount, totalCount: 10 },
})

describe('what is needed and what is there', () => {
  it('adds up the same part and colour over all lists, in the order they are first named', () => {
    const needs = needsOf(
      [
        list('rebrickable-csv', lot('3001', 4, 2), lot('3002', 0, 5)),
        list('rebrickable-csv', lot('3001', 4, 3), lot('3001', 1, 1)),
      ],
      [],
    )
    expect(needs.map(({ part, color, need }) => [part, color, need])).toEqual([
      ['3001', 4, 5],
      ['3002', 0, 5],
      ['3001', 1, 1],
    ])
  })

  it('does not add up colours of one number that are two colours', () => {
    const lists = [
      list('rebrickable-csv', lot('3001', 4, 2)),
      list('bricklink-xml', lot('3001', 4, 2)),
    ]
    expect(needsOf(lists, []).map(({ colorCode }) => colorCode)).toEqual([
      'rebrickable:4',
      'bricklink:4',
    ])
  })

  it('takes what one has from the inventory, by part and colour', () => {
    const lists = [list('rebrickable-csv', lot('3001', 4, 8), lot('3001', null, 1))]
    const [red, any] = needsOf(lists, [
      kept('3001', 'rebrickable:4', 3),
      kept('3001', 'rebrickable:1', 7),
    ])
    expect(red).toMatchObject({ have: 3, missing: 5, kept: { id: '3001' } })
    expect(any).toMatchObject({ have: 0, missing: 1, kept: null })
  })

  it('counts what was just set before the inventory has it', () => {
    const lists = [list('rebrickable-csv', lot('3001', 4, 8))]
    const [before] = needsOf(lists, [])
    const [after] = needsOf(lists, [], new Map([[before!.key, 8]]))
    expect(after).toMatchObject({ have: 8, missing: 0 })
  })

  it('needs no spares', () => {
    const lists = [list('rebrickable-csv', lot('3001', 4, 8), lot('3001', 4, 1, true))]
    expect(needsOf(lists, [])).toMatchObject([{ need: 8, spare: 1 }])
  })

  it('is all there only when no part is missing, whatever there is too much of another', () => {
    const lists = [list('rebrickable-csv', lot('3001', 4, 100), lot('3002', 0, 1))]
    const inventory = [kept('3001', 'rebrickable:4', 100)]
    expect(totalOf(needsOf(lists, inventory))).toEqual({
      ...{ need: 101, have: 100, missing: 1, percent: 99 },
    })
    const tooMany = [kept('3001', 'rebrickable:4', 500)]
    expect(totalOf(needsOf(lists, tooMany))).toMatchObject({ have: 100, missing: 1 })
    expect(totalOf([])).toMatchObject({ percent: 100 })
  })

  it.each([
    [5, 5],
    [-1, 0],
    [9, 8],
    [2.7, 2],
    [Number.NaN, 0],
  ])('reads %d of 8 as %d', (wanted, count) => {
    expect(countWithin({ need: 8 }, wanted)).toBe(count)
  })
})
