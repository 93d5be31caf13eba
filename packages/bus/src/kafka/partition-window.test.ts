import { describe, expect, it } from 'vitest'
import { fromMetadata, PartitionWindow, toMetadata } from './partition-window.ts'

const from = (offset: number, ahead: number[] = []) =>
  new PartitionWindow({ offset, ahead: new Set(ahead) })

describe('the window of a partition', () => {
  it('goes back to the first offset that is not done', () => {
    const window = from(10)
    for (const offset of [10, 11, 12, 13]) window.hold(offset)
    window.done(11)
    window.done(13)
    expect(window.position()).toEqual({ offset: 10, ahead: new Set([11, 13]) })
    window.done(10)
    expect(window.position()).toEqual({ offset: 12, ahead: new Set([13]) })
    window.done(12)
    expect(window.position()).toEqual({ offset: 14, ahead: new Set() })
  })

  it('moves on past what is not for the group', () => {
    const window = from(0)
    window.seen(0)
    window.hold(1)
    window.seen(2)
    expect(window.position().offset).toBe(1)
    window.done(1)
    expect(window.position().offset).toBe(3)
    expect(window.span).toBe(0)
  })

  it('takes no offset twice, nor one that an earlier owner has done', () => {
    const window = from(5, [7])
    window.hold(5)
    expect([4, 5, 6, 7, 8].map((offset) => window.isNew(offset))).toEqual([
      false,
      false,
      true,
      false,
      true,
    ])
  })

  it('hands on what is done ahead to the next owner as text', () => {
    const position = { offset: 100, ahead: new Set([103, 101, 102, 107]) }
    expect(toMetadata(position, 4)).toBe('4;1-3,7,')
    expect(fromMetadata(100, toMetadata(position, 4))).toEqual({ ...position, partitions: 4 })
    expect(fromMetadata(100, toMetadata({ offset: 100, ahead: new Set() }, 12))).toEqual({
      offset: 100,
      ahead: new Set(),
      partitions: 12,
    })
  })

  it('leaves out what is too long for the broker, and takes text of others for none', () => {
    const many = new Set(Array.from({ length: 5_000 }, (_, i) => i * 2 + 1))
    const text = toMetadata({ offset: 0, ahead: many }, 4)
    expect(text.length).toBeLessThan(4_096)
    const { ahead } = fromMetadata(0, text)
    expect([...ahead]).toEqual([...many].slice(0, ahead.size))
    expect(fromMetadata(9, 'of another client')).toEqual({
      offset: 9,
      ahead: new Set(),
      partitions: 0,
    })
  })
})
