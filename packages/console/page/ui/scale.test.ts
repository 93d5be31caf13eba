import { expect, it } from 'vitest'
import { niceTop } from './scale.ts'

it.each([
  [0.4, 0.5],
  [1, 1],
  [3, 5],
  [101, 200],
  [7_000, 10_000],
])('the scale of a chart up to %d ends at %d', (value, top) => {
  expect(niceTop(value)).toBeCloseTo(top)
})
