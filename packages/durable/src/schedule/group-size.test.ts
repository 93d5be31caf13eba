import { expect, it } from 'vitest'
import { GroupSize } from './group-size.ts'

it('grows while full groups are quick, and never beyond what is allowed', () => {
  const group = new GroupSize(1_000)
  expect(group.size).toBe(250)
  group.took(249, 1)
  expect(group.size).toBe(250)
  for (let i = 0; i < 5; i++) group.took(group.size, 20)
  expect(group.size).toBe(1_000)
  group.took(1_000, 300)
  expect(group.size).toBe(1_000)
})

it('shrinks down to one job a transaction while groups are slow', () => {
  const group = new GroupSize(2_000)
  for (let i = 0; i < 10; i++) group.took(group.size, 900)
  expect(group.size).toBe(1)
  group.took(1, 10)
  expect(group.size).toBe(2)
})

it('begins with no more than is allowed', () => {
  expect(new GroupSize(3).size).toBe(3)
})
