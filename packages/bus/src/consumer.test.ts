import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { consumerOf } from './consumer.ts'
import { defineEvent } from './events.ts'

const Parcel = defineEvent({ type: 'parcel.sent', version: 1, payload: z.object({ n: z.int() }) })
const surroundings = {
  handling: new AsyncLocalStorage<never>(),
  around: (_: unknown, run: () => Promise<void>) => run(),
  publish: async () => {},
}

it.each([-1, 10_001, Number.NaN, Number.POSITIVE_INFINITY])(
  'refuses to let events gather for %s ms',
  (gatherMs) => {
    const given = { consumer: 'post', events: [Parcel], handler: async () => {}, gatherMs }
    expect(() => consumerOf(given, surroundings)).toThrow(`gatherMs is ${gatherMs}`)
  },
)

it('lets events gather for as long as it may, or not at all', () => {
  const given = { consumer: 'post', events: [Parcel], handler: async () => {} }
  expect(consumerOf(given, surroundings).gatherMs).toBe(0)
  expect(consumerOf({ ...given, gatherMs: 10_000 }, surroundings).gatherMs).toBe(10_000)
})
