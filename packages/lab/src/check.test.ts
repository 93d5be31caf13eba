import { describe, expect, it } from 'vitest'
import { checkHistory, type FinalValue } from './check.ts'
import type { Observation, Operation, Outcome, Write } from './history.ts'

let clock = 0
function op(
  outcome: Outcome,
  writes: readonly Write[],
  reads: readonly Observation[] = [],
): Operation {
  clock += 10
  const status = { acknowledged: 200, refused: 409, unknown: null }[outcome]
  return { user: 'u', op: 'op', sentAt: clock, doneAt: clock + 5, status, outcome, writes, reads }
}
const wrote = (entity: string, set: string | null) => op('acknowledged', [{ entity, set }])
const saw = (entity: string, value: string | null) => op('acknowledged', [], [{ entity, value }])
const listed = (...values: [string, string][]) =>
  op('acknowledged', [], [{ within: 'item/', values }])
const row = (entity: string, value: string): FinalValue => ({ user: 'u', entity, value })

async function check(
  operations: Operation[],
  final: FinalValue[],
  initial: FinalValue[] = [],
): Promise<{ lost: number; duplicated: number; stale: number; findings: readonly string[] }> {
  const verdict = await checkHistory({ initial, operations, final })
  expect(verdict.lost + verdict.duplicated + verdict.stale).toBe(verdict.findings.length)
  return verdict
}

const CLEAN = { lost: 0, duplicated: 0, stale: 0 }

describe('checkHistory', () => {
  it('finds nothing in a clean history', async () => {
    const operations = [
      wrote('item/a', '1'),
      saw('item/a', '1'),
      wrote('item/b', '1'),
      wrote('item/a', '2'),
      listed(['item/a', '2'], ['item/b', '1'], ['item/old', 'o']),
      wrote('item/b', null),
      saw('item/b', null),
      op('refused', [{ entity: 'item/a', set: '3' }]),
      op('acknowledged', [{ entity: 'hits', add: 2 }]),
      listed(['item/a', '2'], ['item/old', 'o']),
    ]
    const final = [row('item/a', '2'), row('item/old', 'o'), row('hits', '2')]
    expect(await check(operations, final, [row('item/old', 'o')])).toMatchObject(CLEAN)
  })

  it('counts the writes that were acknowledged', async () => {
    const operations = [wrote('item/a', '1'), op('refused', [{ entity: 'item/b', set: '1' }])]
    const verdict = await checkHistory({ initial: [], operations, final: [row('item/a', '1')] })
    expect(verdict.acknowledged).toBe(1)
  })

  describe('finds as lost', () => {
    it('a created row that is missing', async () => {
      expect(await check([wrote('item/a', '1')], [])).toMatchObject({ ...CLEAN, lost: 1 })
    })
    it('a row that nobody touched and that is missing', async () => {
      expect(await check([], [], [row('item/a', '1')])).toMatchObject({ ...CLEAN, lost: 1 })
    })
    it('an update that an older value has overwritten', async () => {
      const operations = [wrote('item/a', '1'), wrote('item/a', '2')]
      expect(await check(operations, [row('item/a', '1')])).toMatchObject({ ...CLEAN, lost: 1 })
    })
    it('a deletion that was undone', async () => {
      const operations = [wrote('item/a', '1'), wrote('item/a', null)]
      expect(await check(operations, [row('item/a', '1')])).toMatchObject({ ...CLEAN, lost: 1 })
    })
    it('a deferred write that was never done', async () => {
      const deferred = op('acknowledged', [{ entity: 'order', set: 'ba', eventually: true }])
      const operations = [wrote('order', 'ab'), deferred]
      expect(await check(operations, [row('order', 'ab')])).toMatchObject({ ...CLEAN, lost: 1 })
    })
    it('an increment that is missing', async () => {
      const operations = [op('acknowledged', [{ entity: 'hits', add: 3 }])]
      expect(await check(operations, [row('hits', '2')])).toMatchObject({ ...CLEAN, lost: 1 })
    })
  })

  describe('finds as duplicated', () => {
    it('a token that is there twice', async () => {
      const final = [row('item/a', '1'), row('item/a', '1')]
      expect(await check([wrote('item/a', '1')], final)).toMatchObject({ ...CLEAN, duplicated: 1 })
    })
    it('an increment that was applied twice', async () => {
      const operations = [op('acknowledged', [{ entity: 'hits', add: 1 }])]
      expect(await check(operations, [row('hits', '2')])).toMatchObject({ ...CLEAN, duplicated: 1 })
    })
    it('a row that nobody wrote', async () => {
      expect(await check([], [row('item/x', '1')])).toMatchObject({ ...CLEAN, duplicated: 1 })
    })
  })

  describe('finds as stale', () => {
    const end = [row('item/a', '2')]
    const begin = [wrote('item/a', '1'), wrote('item/a', '2')]
    it('a read that shows an older value', async () => {
      expect(await check([...begin, saw('item/a', '1')], end)).toMatchObject({ ...CLEAN, stale: 1 })
    })
    it('a read that misses a row', async () => {
      expect(await check([...begin, saw('item/a', null)], end)).toMatchObject({
        ...CLEAN,
        stale: 1,
      })
    })
    it('the state before a deferred write, once that was seen to be done', async () => {
      const deferred = op('acknowledged', [{ entity: 'order', set: 'ba', eventually: true }])
      const done = op('acknowledged', [], [{ entity: 'order', settled: true }])
      const operations = [wrote('order', 'ab'), deferred, saw('order', 'ab'), saw('order', 'ba')]
      const final = [row('order', 'ba')]
      expect(await check(operations, final)).toMatchObject(CLEAN)
      expect(await check([...operations, done, saw('order', 'ab')], final)).toMatchObject({
        ...CLEAN,
        stale: 1,
      })
    })
    it('a list that misses a row', async () => {
      expect(await check([...begin, listed()], end)).toMatchObject({ ...CLEAN, stale: 1 })
    })
    it('a list that shows a deleted row', async () => {
      const operations = [wrote('item/a', '1'), wrote('item/a', null), listed(['item/a', '1'])]
      expect(await check(operations, [])).toMatchObject({ ...CLEAN, stale: 1 })
    })
  })

  describe('gives an operation of unknown outcome the benefit of the doubt', () => {
    const unknown = op('unknown', [{ entity: 'item/a', set: '2' }])
    const before = wrote('item/a', '1')
    it('whether it was applied, or not, or late', async () => {
      const operations = [before, unknown, saw('item/a', '1'), saw('item/a', '2')]
      expect(await check(operations, [row('item/a', '1')])).toMatchObject(CLEAN)
      expect(await check(operations, [row('item/a', '2')])).toMatchObject(CLEAN)
    })
    it('but not to a value that nobody wrote', async () => {
      const operations = [before, unknown]
      expect(await check(operations, [row('item/a', '7')])).toMatchObject({ ...CLEAN, lost: 1 })
      expect(await check(operations, [])).toMatchObject({ ...CLEAN, lost: 1 })
    })
    it('nor twice', async () => {
      const operations = [op('unknown', [{ entity: 'hits', add: 1 }])]
      expect(await check(operations, [row('hits', '1')])).toMatchObject(CLEAN)
      expect(await check(operations, [row('hits', '2')])).toMatchObject({ ...CLEAN, duplicated: 1 })
    })
    it('and says nothing about an entity that a script has given up', async () => {
      const operations = [wrote('order', 'ab'), op('unknown', [{ entity: 'order', unsure: true }])]
      expect(await check(operations, [row('order', 'zz')])).toMatchObject(CLEAN)
    })
  })
})
