import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { oneOf, readFlags, UsageError, wholeNumber } from './options.ts'

const FLAGS = [
  { name: 'once', text: 'a switch' },
  { name: 'rows', value: 'N', text: 'a number' },
]

describe('flags', () => {
  it('are read, with what stands for those left out', () => {
    const given = readFlags(['--once', '--rows', '500'], FLAGS)
    expect(given.once).toBe(true)
    expect(wholeNumber(given, 'rows', 7, 100)).toBe(500)
    expect(wholeNumber({}, 'rows', 7, 100)).toBe(7)
  })

  it.each([['--row', '5'], ['--rows'], ['extra'], ['--once=yes']])('are refused: %s', (...args) => {
    expect(() => readFlags(args, FLAGS)).toThrow(UsageError)
  })

  it.each(['ten', '-5', '1.5', '50', ''])('say what a number may be, given "%s"', (rows) => {
    expect(() => wholeNumber({ rows }, 'rows', 7, 100)).toThrow(
      `--rows is "${rows}"; allowed is a whole number from 100`,
    )
  })

  it('say which names there are, the first of them where none is given', () => {
    expect(oneOf({}, 'side', ['left', 'right'])).toBe('left')
    expect(oneOf({ side: 'right' }, 'side', ['left', 'right'])).toBe('right')
    const wrong = () => oneOf({ side: 'up' }, 'side', ['left', 'right'])
    expect(wrong).toThrow('--side is "up"; there are left and right')
  })
})

describe.each([
  ['demo.ts', ['--rate', 'fast'], 'npm start: --rate is "fast"'],
  ['demo.ts', ['--fast'], "npm start: Unknown option '--fast'"],
  ['prove.ts', ['--runs', '0'], 'npm run prove: --runs is "0"'],
  ['prove.ts', ['--seed', '4'], 'npm run prove: --seed goes with --runs'],
  [
    'prove.ts',
    ['--runs', '1', '--gateway', 'nginx'],
    '--gateway is "nginx"; there are banyan and haproxy',
  ],
])('%s %s', (file, args, message) => {
  it('says what is wrong and ends with code 2', async () => {
    const path = fileURLToPath(new URL(file, import.meta.url))
    const run = promisify(execFile)(process.execPath, ['--import', 'tsx', path, ...args])
    const failed = await run.then(
      () => null,
      (error: { code: number; stderr: string }) => error,
    )
    expect(failed).toMatchObject({ code: 2 })
    expect(failed?.stderr).toContain(message)
  })
})
