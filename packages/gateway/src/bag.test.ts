import { expect, it } from 'vitest'
import { Bag } from './bag.ts'

const thing = (name: string) => ({ name, place: -1 })
const names = (bag: Bag<ReturnType<typeof thing>>) => [...bag].map(({ name }) => name).sort()

it('has what was put in and not taken out, whatever the order', () => {
  const bag = new Bag<ReturnType<typeof thing>>()
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(thing) as [never, never, never, never]
  for (const one of [a, b, c]) bag.add(one)
  expect(bag.delete(a)).toBe(true)
  expect(bag.delete(c)).toBe(true)
  bag.add(d)
  expect(names(bag)).toEqual(['b', 'd'])
  expect(bag.size).toBe(2)
  expect(bag.delete(b)).toBe(true)
  expect(bag.delete(d)).toBe(true)
  expect(bag.size).toBe(0)
})

it('says of what is not there that it is not there', () => {
  const bag = new Bag<ReturnType<typeof thing>>()
  const [a, b] = [thing('a'), thing('b')]
  bag.add(a)
  expect(bag.delete(b)).toBe(false)
  expect(bag.delete(a)).toBe(true)
  expect(bag.delete(a)).toBe(false)
  bag.add(a)
  expect(names(bag)).toEqual(['a'])
})

it('may be emptied by whoever goes through it', () => {
  const bag = new Bag<ReturnType<typeof thing>>()
  for (const name of ['a', 'b', 'c']) bag.add(thing(name))
  for (const one of bag) expect(bag.delete(one)).toBe(true)
  expect(bag.size).toBe(0)
})
