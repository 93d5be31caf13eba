import { expect, it } from 'vitest'
import { readWebSearch } from './web-search.ts'

const NOTHING = { words: [], phrases: [], without: [] }

it.each([
  ['red castle', [{ ...NOTHING, words: ['red', 'castle'] }]],
  ['"red castle" moat', [{ ...NOTHING, words: ['moat'], phrases: ['red castle'] }]],
  [
    'castle -red -"big moat"',
    [
      {
        ...NOTHING,
        words: ['castle'],
        without: [
          { text: 'red', phrase: false },
          { text: 'big moat', phrase: true },
        ],
      },
    ],
  ],
  [
    'a b OR c',
    [
      { ...NOTHING, words: ['a', 'b'] },
      { ...NOTHING, words: ['c'] },
    ],
  ],
  ['x-wing', [{ ...NOTHING, words: ['x-wing'] }]],
  ['"never closed', [{ ...NOTHING, phrases: ['never closed'] }]],
  ['or or', []],
  ['" "', []],
  ['', []],
])('reads %s', (text, alternatives) => {
  expect(readWebSearch(text)).toEqual(alternatives)
})
