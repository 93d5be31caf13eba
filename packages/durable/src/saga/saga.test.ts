import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineSaga } from './definition.ts'
import { rehearse } from './rehearsal.ts'

/** A parcel is booked with a carrier, paid for, and announced. */
function shipment(calls: string[]) {
  return defineSaga({
    name: 'shipment',
    version: 1,
    input: z.object({ parcel: z.string(), cents: z.number().int() }),
    steps: (saga) =>
      saga
        .step('book', {
          invoke: async ({ input }) => ({ slot: `slot of ${input.parcel}` }),
          compensate: async ({ output }) => {
            calls.push(`cancel ${output?.slot ?? 'whatever was booked'}`)
          },
        })
        .step('pay', {
          invoke: async ({ input }) => ({ receipt: `${input.cents} cents` }),
          compensate: async ({ idempotencyKey }) => {
            calls.push(`refund ${idempotencyKey}`)
          },
        })
        .step('announce', {
          invoke: async ({ outputs }) => `${outputs.book.slot}, ${outputs.pay.receipt}`,
        }),
  })
}
const input = { parcel: 'p1', cents: 250 }

it('goes through when every step does, and later steps see what former ones answered', async () => {
  const { script, outputs } = await rehearse(shipment([]), input)
  expect(script).toEqual(['book', 'pay', 'announce', 'completed'])
  expect(outputs.announce).toBe('slot of p1, 250 cents')
})

it('is compensated when the booking is refused, as nobody knows whether it took effect', async () => {
  const calls: string[] = []
  const { script } = await rehearse(shipment(calls), input, { refuse: { book: 'no slot' } })
  expect(script).toEqual(['book failed: no slot', 'undo book', 'compensated'])
  expect(calls).toEqual(['cancel whatever was booked'])
})

it('cancels the booking when the payment is refused', async () => {
  const calls: string[] = []
  const refuse = { pay: 'no cover' }
  const { script, reason } = await rehearse(shipment(calls), input, { refuse })
  expect(script).toEqual(['book', 'pay failed: no cover', 'undo pay', 'undo book', 'compensated'])
  expect(calls).toEqual(['refund rehearsal/pay', 'cancel slot of p1'])
  expect(reason).toBe('pay: Unprocessable: no cover')
})

it('refunds and cancels when the announcement fails as often as it may', async () => {
  const calls: string[] = []
  const { script } = await rehearse(shipment(calls), input, { failures: { announce: 4 } })
  expect(script.slice(2)).toEqual([
    ...Array(4).fill('announce failed: as rehearsed'),
    'undo pay',
    'undo book',
    'compensated',
  ])
})

it('tries a step again that failed, and goes on', async () => {
  const { script } = await rehearse(shipment([]), input, { failures: { pay: 2 } })
  const failure = 'pay failed: as rehearsed'
  expect(script).toEqual(['book', failure, failure, 'pay', 'announce', 'completed'])
})

it('is stuck when a compensation fails as often as it may', async () => {
  const { script } = await rehearse(shipment([]), input, {
    refuse: { pay: 'no cover' },
    failures: { 'undo pay': 10 },
  })
  expect(script.at(-1)).toBe('stuck')
  expect(script.filter((line) => line.startsWith('undo pay failed'))).toHaveLength(10)
  expect(script).not.toContain('undo book')
})

it('says which steps there are when a rehearsal names another', async () => {
  await expect(rehearse(shipment([]), input, { refuse: { pya: 'x' } })).rejects.toThrow(
    'Saga "shipment" has no step "pya"; it has book, undo book, pay, undo pay, announce, undo announce.',
  )
})

it('is refused as a definition when two steps have one name, or none', () => {
  const define = (names: string[]) => () =>
    defineSaga({
      name: 'twice',
      version: 1,
      input: z.null(),
      steps: (saga) =>
        names.reduce((steps, name) => steps.step(name, { invoke: async () => {} }), saga),
    })
  expect(define(['a', 'a'])).toThrow('Saga "twice" has two steps named "a".')
  expect(define([])).toThrow('Saga "twice" has no step to run.')
  expect(define(['a/b'])).toThrow(`a step's name is not empty and has no "/"; given "a/b"`)
})
