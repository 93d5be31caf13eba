import { describe, expect, it } from 'vitest'
import { parseRow, shownRow } from './row-name.ts'

describe('a row on the command line', () => {
  it.each([
    ['public.item:7', 'public.item', ['7']],
    ['public.item:2024-01-01 10:00:00+00', 'public.item', ['2024-01-01 10:00:00+00']],
    ['public."a:b"".c":x', 'public."a:b"".c"', ['x']],
    ['public.line:["7","a:b"]', 'public.line', ['7', 'a:b']],
    ['public.line:[7, "ä"]', 'public.line', ['7', 'ä']],
    ['public.item:["[x"]', 'public.item', ['[x']],
    ['public.item:[""]', 'public.item', ['']],
  ])('%s', (given, table, key) => {
    expect(parseRow(given)).toEqual({ table, key })
  })

  it.each(['public.item', 'public.item:', ':7', '', 'public."item:7'])('refuses %j', (given) => {
    expect(() => parseRow(given)).toThrow('allowed is TABLE:KEY')
  })

  it.each(['[', '[]', '[1.5]', '[null]', '[9007199254740993]', '[["a"]]'])(
    'refuses the key %s',
    (key) => {
      expect(() => parseRow(`public.item:${key}`)).toThrow('is no JSON array of texts')
    },
  )

  it.each([
    ['public.item', ['7']],
    ['public."Mixed"', ["O'Brien"]],
    ['public.line', ['7', '$(x) `y` "z"']],
    ['public.line', ['']],
    ['public.line', ['[1]']],
  ])('%s %j is shown so that a shell hands it back', (table, key) => {
    const shown = shownRow(table, key)
    const unquoted = shown.startsWith("'") ? shown.slice(1, -1).replaceAll(`'\\''`, "'") : shown
    expect(parseRow(unquoted)).toEqual({ table, key })
  })
})
