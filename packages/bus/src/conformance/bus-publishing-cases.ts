import { transaction } from '@banyan/postgres'
import { expect, it } from 'vitest'
import type { ReceivedEvent } from '../consumer.ts'
import type { BusBench } from './bus.ts'
import { names } from './harness.ts'
import { changedEvent } from './service.ts'
import { until } from './until.ts'

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

/** What is said, and what travels with it. */
export function publishingCases(bench: () => BusBench): void {
  it('publishes what was committed, and not what was rolled back', async () => {
    const { group, type } = names()
    const changed = changedEvent(type)
    const publisher = await bench().service('publisher', { publishes: [changed] })
    const consumer = await bench().service('consumer', { publishes: [] })
    consumer.bus.subscribe({
      consumer: group,
      events: [changed],
      handler: async ({ key, payload }, { tx }) => {
        await tx.query('INSERT INTO public.handled (key, body) VALUES ($1, $2)', [
          key,
          payload.body,
        ])
      },
    })
    await Promise.all([publisher.bus.start(), consumer.bus.start()])
    await expect(
      transaction(publisher.pool, async (tx) => {
        await publisher.bus.publish(tx, changed.of({ body: 'undone' }), { key: 'a' })
        throw new Error('on second thoughts')
      }),
    ).rejects.toThrow('on second thoughts')
    await publisher.publish(changed.of({ body: 'done' }), 'a')
    await until('it is handled', async () => (await consumer.handled()).length > 0)
    expect(await consumer.handled()).toEqual([{ key: 'a', body: 'done' }])
  })

  it('refuses an event that does not fit, is not declared, or has no key', async () => {
    const { type, unknown } = names()
    const changed = changedEvent(type)
    const { bus, pool } = await bench().service('publisher', { publishes: [changed] })
    const event = changed.of({ body: 7 as unknown as string })
    await expect(bus.publish(pool, event, { key: 'a' })).rejects.toThrow('payload.body')
    const undeclared = changedEvent(unknown).of({ body: 'x' })
    await expect(bus.publish(pool, undeclared, { key: 'a' })).rejects.toThrow('not among')
    await expect(bus.publish(pool, changed.of({ body: 'x' }), { key: '' })).rejects.toThrow('key')
    expect((await bus.status()).outbox.messages).toBe(0)
  })

  it('carries correlation, cause and trace from what is handled to what its handler publishes', async () => {
    const { group, other, type, unknown } = names()
    const [placed, billed] = [changedEvent(type), changedEvent(unknown)]
    const shop = await bench().service('shop', {
      publishes: [placed],
      current: () => ({ correlationId: 'a-request', traceparent: TRACE }),
    })
    const billing = await bench().service('billing', { publishes: [billed] })
    const mail = await bench().service('mail', { publishes: [] })
    const seen: ReceivedEvent[] = []
    billing.bus.subscribe({
      consumer: group,
      events: [placed],
      handler: async (event, { publish }) => {
        seen.push(event)
        await publish(billed.of({ body: `bill of ${event.payload.body}` }), { key: event.key })
      },
    })
    mail.bus.subscribe({
      consumer: other,
      events: [billed],
      handler: async (event) => {
        seen.push(event)
      },
    })
    await Promise.all([shop, billing, mail].map(({ bus }) => bus.start()))
    await shop.publish(placed.of({ body: 'order 1' }), 'o-1')
    await until('the mail is sent', () => seen.some((event) => event.type === billed.type))
    expect(seen[0]).toMatchObject({
      source: shop.name,
      correlationId: 'a-request',
      traceparent: TRACE,
    })
    expect(seen[0]).not.toHaveProperty('causationId')
    expect(seen[1]).toMatchObject({
      key: 'o-1',
      payload: { body: 'bill of order 1' },
      source: billing.name,
      correlationId: 'a-request',
      causationId: seen[0]!.id,
      traceparent: TRACE,
    })
  })
}
