import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTrial, type Trial } from './bed.ts'
import { AREAS } from './cases/all.ts'
import { documentOf } from './document.ts'
import { startOurs } from './gates/ours.ts'

let trial: Trial

beforeAll(async () => {
  trial = await startTrial(startOurs, true, 30_000)
})

afterAll(() => trial.close())

describe.each(AREAS.map((area) => [area.name, area.cases] as const))('%s', (_, cases) => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    expect(await trial.ask(one)).toBeNull()
  })
})

it('stands in the documentation', async () => {
  await expect(documentOf(AREAS)).toMatchFileSnapshot('../../docs/gateway-security.md')
})

it('has at least 60 cases, each with a name of its own and a rule', () => {
  const cases = AREAS.flatMap((area) => area.cases.map((one) => [area.name, one.name].join(': ')))
  expect(new Set(cases).size).toBe(cases.length)
  expect(cases.length).toBeGreaterThanOrEqual(60)
})
