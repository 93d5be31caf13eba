import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { STEPS } from './handover.ts'

const read = (page: string) =>
  readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8')

it('the steps of a handover are drawn in docs/concepts.md and told in docs/handover.md, in their order', () => {
  const [, chart] = /```mermaid\nsequenceDiagram\n([^`]+)```/.exec(read('concepts.md'))!
  const drawn = [...chart!.matchAll(/^ +\w+-?->>\w+: ([a-z ]+): /gm)].map(([, step]) => step)
  expect(drawn).toEqual(STEPS)
  const told = [...read('handover.md').matchAll(/^\| \d \| \*([a-z ]+)\* \|/gm)].map(
    ([, step]) => step,
  )
  expect(told).toEqual(STEPS)
})
