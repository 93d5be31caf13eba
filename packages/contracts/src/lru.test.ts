import { expect, it } from 'vitest'
import { Lru } from './lru.ts'

it('forgets what was used least recently', () => {
  const lru = new Lru<number>(2)
  lru.set('a', 1)
  lru.set('b', 2)
  expect(lru.get('a')).toBe(1)
  lru.set('c', 3)
  expect([lru.get('a'), lru.get('b'), lru.get('c')]).toEqual([1, undefined, 3])
})

it('counts a use each time, also of what was used last', () => {
  const lru = new Lru<number>(2)
  lru.set('a', 1)
  lru.set('a', 2)
  expect(lru.get('a')).toBe(2)
  expect(lru.get('a')).toBe(2)
  lru.set('b', 3)
  expect(lru.get('b')).toBe(3)
  expect(lru.get('a')).toBe(2)
  lru.set('c', 4)
  expect([lru.get('a'), lru.get('b'), lru.get('c')]).toEqual([2, undefined, 4])
})

it('takes again what was deleted', () => {
  const lru = new Lru<number>(2)
  lru.set('a', 1)
  lru.delete('a')
  expect(lru.get('a')).toBeUndefined()
  lru.set('b', 2)
  lru.set('a', 3)
  lru.set('c', 4)
  expect([lru.get('b'), lru.get('a'), lru.get('c')]).toEqual([undefined, 3, 4])
  lru.clear()
  lru.set('c', 5)
  lru.set('d', 6)
  expect([lru.get('c'), lru.get('d')]).toEqual([5, 6])
})
