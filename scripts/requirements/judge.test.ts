import { expect, it } from 'vitest'
import { checkList, type Executed, judge } from './judge.ts'
import { type Requirement, script, testsIn } from './requirement.ts'

const stock = testsIn('stock.test.ts')
const executed: Executed = {
  tests: new Map([
    ['stock.test.ts: counts', ['passed', 'passed']],
    ['stock.test.ts: waits', ['passed', 'skipped']],
    ['stock.test.ts: breaks', ['failed']],
  ]),
  scripts: new Map([
    ['good', true],
    ['bad', false],
  ]),
  figures: new Map([
    ['bench', { file: 'bench.json', content: { runs: [{ name: 'quick', p95: 180 }], none: 'x' } }],
  ]),
}
const figure = { kind: 'figure', report: 'bench', command: 'npm run bench', atMost: 200 } as const

const verdictOf = (more: Partial<Requirement>) =>
  judge([{ id: 'FR1', text: 'It counts', ...more }], executed)[0]!

it('shows what every test, script and figure named for it carries', () => {
  const shownBy = [...stock('counts'), script('good'), { ...figure, key: 'runs.quick.p95' }]
  expect(verdictOf({ shownBy })).toMatchObject({
    state: 'shown',
    by: ['stock.test.ts: counts', 'npm run good', 'runs.quick.p95 of npm run bench, in bench.json'],
    why: [],
  })
})

it.each<[Requirement['shownBy'], string]>([
  [[], 'nothing shows it'],
  [stock('counts', 'waits'), 'skipped: stock.test.ts: waits'],
  [stock('breaks'), 'failed: stock.test.ts: breaks'],
  [stock('is not written'), 'not run, or not there: stock.test.ts: is not written'],
  [[script('bad')], 'failed: npm run bad'],
  [[script('other')], 'not run: npm run other'],
  [[{ ...figure, key: 'runs.0.p95', atMost: 100 }], 'runs.0.p95 is 180 in bench.json; at most 100'],
  [[{ ...figure, key: 'none' }], 'bench.json has no figure none'],
])('misses what is not carried: %j', (shownBy, why) => {
  expect(verdictOf({ shownBy: shownBy! })).toMatchObject({ state: 'missing', why: [why] })
})

it('tells apart what only has to be measured', () => {
  const unmeasured = { ...figure, report: 'b', key: 'x' }
  expect(verdictOf({ shownBy: [...stock('counts'), unmeasured] })).toEqual({
    ...{ id: 'FR1', text: 'It counts', state: 'unmeasured' },
    by: ['stock.test.ts: counts'],
    why: ['not measured: npm run bench, then --figures b=FILE'],
  })
  for (const [shownBy, lacks] of [
    [[...stock('breaks'), unmeasured], undefined],
    [[unmeasured], 'the other half'],
    [[unmeasured, { ...figure, key: 'none' }], undefined],
  ] as const) {
    const more = lacks === undefined ? {} : { lacks }
    expect(verdictOf({ shownBy, ...more })).toMatchObject({ state: 'missing' })
  }
})

it('misses what lacks a part, and tells the part that is there', () => {
  expect(verdictOf({ shownBy: stock('counts'), lacks: 'the other half' })).toEqual({
    ...{ id: 'FR1', text: 'It counts', state: 'missing' },
    by: ['stock.test.ts: counts'],
    why: ['the other half'],
  })
})

it('defers what says why', () => {
  expect(verdictOf({ deferred: 'next year' })).toMatchObject({ state: 'deferred' })
})

it('refuses a list that names a requirement twice, or defers what it shows', () => {
  const one = { id: 'FR1', text: 'x' }
  expect(() => checkList([one, one])).toThrow('FR1 stands twice')
  expect(() => checkList([{ ...one, deferred: 'x', shownBy: stock('counts') }])).toThrow('FR1 is')
})
