import { expect, it } from 'vitest'
import { WholeLines } from './whole-lines.ts'

it('passes on whole lines, however they arrive, and the last one when its writer is gone', () => {
  const written: string[] = []
  const lines = new WholeLines((text) => written.push(text))
  for (const piece of ['one\ntw', 'o', '\nthree\nfour\nfi', 've']) lines.add(piece)
  expect(written).toEqual(['one\n', 'two\nthree\nfour\n'])
  lines.end()
  lines.end()
  expect(written.at(-1)).toBe('five\n')
  expect(written).toHaveLength(3)
})

it('keeps no line that never ends', () => {
  let bytes = 0
  const lines = new WholeLines((text) => {
    bytes += text.length
  })
  for (let i = 0; i < 40; i++) lines.add('x'.repeat(100_000))
  expect(bytes).toBeGreaterThan(2_000_000)
})
