import { describe, expect, it } from 'vitest'
import { resolveExtraction, resolvePlan } from './plan.ts'
import { examplePlan } from './testing/example-plan.ts'

describe('a plan', () => {
  it('gets its defaults', () => {
    const [one] = resolvePlan(examplePlan())
    expect(one!.steps.map((step) => step.percent)).toEqual([1, 10, 50, 100])
    expect(one!.handover.holdBudgetMs).toBe(2000)
  })

  it.each([
    ['the last step must be 100', { steps: [{ percent: 50 }] }],
    ['percents must rise', { steps: [{ percent: 50 }, { percent: 10 }, { percent: 100 }] }],
    ['extractions.0.name', { name: 'Not A Name' }],
    ['extractions.0.service.url', { service: { url: 'nope', databaseUrl: 'postgres://x/y' } }],
    ['extractions.0.tables', { tables: [] }],
  ])('is refused, saying where and why: %s', (words, change) => {
    expect(() => resolvePlan(examplePlan(change))).toThrow(words)
  })

  it('is refused when it has a key that means nothing', () => {
    const typo = { gatez: {} } as object
    expect(() => resolvePlan(examplePlan(typo))).toThrow('gatez')
  })

  it('names the extractions it has when asked for another', () => {
    expect(() => resolveExtraction(examplePlan(), 'thongs')).toThrow('known: things')
  })
})
