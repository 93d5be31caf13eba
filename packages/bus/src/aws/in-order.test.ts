import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sendInOrder } from './in-order.ts'

const item = (key: string, n: number, bytes = 1) => ({ key, n, bytes })
const LIMITS = { bytes: 100, parallel: 4 }

it('never has two items of a key on their way, and keeps their order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), bytes: fc.nat(60) }), {
        maxLength: 60,
      }),
      fc.scheduler(),
      async (given, scheduler) => {
        const items = given.map(({ key, bytes }, n) => item(key, n, bytes))
        const arrived: typeof items = []
        const away = new Set<string>()
        const sending = sendInOrder(items, LIMITS, async (batch) => {
          expect(batch.length).toBeLessThanOrEqual(10)
          expect(batch.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(100)
          for (const { key } of batch) expect(away.has(key)).toBe(false)
          for (const { key } of batch) away.add(key)
          await scheduler.schedule(Promise.resolve())
          for (const { key } of batch) away.delete(key)
          arrived.push(...batch)
        })
        await scheduler.waitFor(sending)
        expect(arrived).toHaveLength(items.length)
        for (const key of ['a', 'b', 'c', 'd']) {
          const of = (list: typeof items) => list.filter((one) => one.key === key)
          expect(of(arrived)).toEqual(of(items))
        }
      },
    ),
    { numRuns: 200 },
  )
})

it('sends nothing more after a failure, and tells the first', async () => {
  const sent: number[] = []
  const items = Array.from({ length: 5 }, (_, n) => item('a', n))
  const sending = sendInOrder(items, LIMITS, async (batch) => {
    sent.push(...batch.map(({ n }) => n))
    if (batch.some(({ n }) => n === 2)) throw new Error('throttled')
  })
  await expect(sending).rejects.toThrow('throttled')
  expect(sent).toEqual([0, 1, 2])
})
