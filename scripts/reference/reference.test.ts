import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../docs/markdown.ts'
import { referencePages } from './pages.ts'
import { boundsOf, defaultOf, optionOf } from './schema.ts'

it('docs/reference is what the types and schemas say (else: npm run reference)', async () => {
  const folder = join(ROOT, 'docs/reference')
  const written = readdirSync(folder).map((file) => [
    file,
    readFileSync(join(folder, file), 'utf8'),
  ])
  expect(Object.fromEntries(written)).toEqual(Object.fromEntries(await referencePages()))
})

it('bounds and defaults are said in words', () => {
  expect(boundsOf({ type: 'integer', minimum: 1, maximum: 64 })).toBe('whole, 1 to 64')
  expect(boundsOf({ type: 'number', exclusiveMinimum: 0, maximum: 100 })).toBe('above 0 to 100')
  expect(boundsOf({ type: 'number', minimum: 0 })).toBe('at least 0')
  expect(boundsOf({ type: 'string', minLength: 16 })).toBe('16 characters or more')
  expect(boundsOf({ anyOf: [{ type: 'number', exclusiveMinimum: 0 }, { type: 'null' }] })).toBe(
    'above 0',
  )
  expect(defaultOf({ default: 5000 })).toBe('5,000')
  expect(defaultOf({ default: ['mon'] })).toBe("`['mon']`")
  expect(defaultOf({ default: null })).toBe('none')
  expect(defaultOf({})).toBe('')
})

it('a member of a choice is found by its keys', () => {
  const one = { properties: { a: {}, b: {} }, required: ['a'] }
  const other = { properties: { a: {}, c: {} }, required: ['a', 'c'] }
  expect(optionOf({ oneOf: [one, other] }, ['a', 'b'])).toBe(one)
  expect(optionOf({ anyOf: [one, other] }, ['a', 'c'])).toBe(other)
  expect(optionOf({ oneOf: [one, other] }, ['d'])).toBeUndefined()
})
