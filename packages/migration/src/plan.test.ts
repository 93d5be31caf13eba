import { describe, expect, it } from 'vitest'
import { resolveExtraction, resolvePlan } from './plan.ts'
import { examplePlan } from './testing/example-plan.ts'

describe('a plan', () => {
  it('gets its defaults', () => {
    const [one] = resolvePlan(examplePlan())
    expect(one!.steps.map((step) => step.percent)).toEqual([1, 10, 50, 100])
    expect(one).toMatchObject({ kind: 'tables', handover: { holdBudgetMs: 2000 } })
  })

  it.each([
    ['the last step must be 100', { steps: [{ percent: 50 }] }],
    ['percents must rise', { steps: [{ percent: 50 }, { percent: 10 }, { percent: 100 }] }],
    ['extractions.0.name', { name: 'Not A Name' }],
    ['extractions.0.service.url', { service: { url: 'nope', databaseUrl: 'postgres://x/y' } }],
    ['extractions.0.tables', { tables: [] }],
    ['"things" would wait for itself', { completeAfter: ['things'] }],
    ['there is no extraction "thongs"; there are things', { completeAfter: ['thongs'] }],
  ])('is refused, saying where and why: %s', (words, change) => {
    expect(() => resolvePlan(examplePlan(change))).toThrow(words)
  })

  it('is refused when extractions wait for each other', () => {
    const plan = examplePlan()
    const [one] = plan.extractions
    const circle = ['a', 'b', 'c'].map((name, i, all) => ({
      ...one!,
      name,
      completeAfter: [all[(i + 1) % 3]!],
    }))
    const line = circle.map((each) => (each.name === 'c' ? one! : each))
    const named = line.map((each) => (each === one ? { ...one!, name: 'c' } : each))
    expect(() => resolvePlan({ ...plan, extractions: circle })).toThrow('would wait for itself')
    expect(resolvePlan({ ...plan, extractions: named })).toHaveLength(3)
  })

  it('is refused when several processes would keep answers, each without the others’ writes', () => {
    const plan = examplePlan({ routes: [{ methods: ['GET'], path: '/things', cache: {} }] })
    expect(resolvePlan(plan)).toHaveLength(1)
    const gateway = { ...plan.gateway, workers: 2 }
    expect(() => resolvePlan({ ...plan, gateway })).toThrow('answers are kept by one process alone')
  })

  it('is refused when it has a key that means nothing', () => {
    const typo = { gatez: {} } as object
    expect(() => resolvePlan(examplePlan(typo))).toThrow('gatez')
  })

  it('names the extractions it has when asked for another', () => {
    expect(() => resolveExtraction(examplePlan(), 'thongs')).toThrow('known: things')
  })

  it('of requests alone has neither a database nor gates of rows', () => {
    const { tables, ...rest } = examplePlan().extractions[0]!
    const service = { url: 'http://127.0.0.1:2' }
    const plan = { ...examplePlan(), extractions: [{ ...rest, kind: 'routes' as const, service }] }
    const [one] = resolvePlan(plan)
    expect(one).toMatchObject({ kind: 'routes', service })
    expect(one!.gates).not.toHaveProperty('lagMs')
    const both = { ...plan.extractions[0]!, tables }
    expect(() => resolvePlan({ ...plan, extractions: [both] })).toThrow('tables')
  })

  it.each([
    ['a route', { path: '/internal/v1/things' }],
    ['a rewrite', { path: '/things/*', rewrite: { from: '/things', to: '/internal' } }],
  ])('is refused when %s leads to what services have for one another', (_, route) => {
    const routes = [{ methods: [], ...route }]
    expect(() => resolvePlan(examplePlan({ routes }))).toThrow('/internal is for services alone')
    const service = { name: 'stock', url: 'http://127.0.0.1:3', routes }
    expect(() => resolvePlan({ ...examplePlan(), services: [service] })).toThrow(
      'services.0.routes',
    )
  })

  it('names each service and each extraction differently', () => {
    const routes = [{ methods: [], path: '/other' }]
    const service = { name: 'things', url: 'http://127.0.0.1:3', routes }
    expect(() => resolvePlan({ ...examplePlan(), services: [service] })).toThrow('given twice')
  })
})
