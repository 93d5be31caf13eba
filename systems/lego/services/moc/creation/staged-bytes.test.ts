import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { StagedBytes } from './staged-bytes.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const bytes = (length: number) => Buffer.alloc(length)
const kept = (staged: StagedBytes) => ['a', 'b', 'c'].filter((id) => staged.of(id))

it('keeps files until they are forgotten', () => {
  const staged = new StagedBytes()
  const content = Buffer.from('a file')
  staged.keep('a', content)
  expect(staged.of('a')).toBe(content)
  staged.forget('a')
  staged.forget('a')
  expect(staged.of('a')).toBeUndefined()
})

it('keeps no more bytes than it may: the oldest go', () => {
  const staged = new StagedBytes(10)
  staged.keep('a', bytes(4))
  staged.keep('b', bytes(6))
  expect(kept(staged)).toEqual(['a', 'b'])
  staged.keep('c', bytes(1))
  expect(kept(staged)).toEqual(['b', 'c'])
  staged.forget('b')
  staged.keep('a', bytes(9))
  expect(kept(staged)).toEqual(['a', 'c'])
  // One that is larger than all of it is not kept, and nothing else is lost count of.
  staged.keep('b', bytes(11))
  expect(kept(staged)).toEqual([])
  staged.keep('a', bytes(10))
  expect(kept(staged)).toEqual(['a'])
})

it('keeps none for longer than a creation takes', () => {
  const staged = new StagedBytes(10)
  staged.keep('a', bytes(4))
  vi.advanceTimersByTime(40_000)
  staged.keep('b', bytes(4))
  vi.advanceTimersByTime(40_000)
  expect(kept(staged)).toEqual(['b'])
})
