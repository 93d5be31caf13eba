import { randomUUID } from 'node:crypto'
import { Unprocessable } from '@banyan/durable'
import type { PoolClient } from '@banyan/postgres'
import { expect, it } from 'vitest'
import type { ConsumerDefinition } from '../consumer.ts'
import type { BusBench } from './bus.ts'
import { names, shareOf } from './harness.ts'
import { changedEvent, type Service } from './service.ts'
import { until } from './until.ts'

/** What a handler's failure, a repetition and a broker's death lead to. */
export function handlingCases(bench: () => BusBench): void {
  it('tries again what failed, before what is behind it with its key, while others go on', async () => {
    const failures = { left: 2 }
    const { publisher, consumer, changed } = await pair(({ body }) => {
      if (body === 'bad' && failures.left-- > 0) throw new Error('not now')
    })
    await publisher.publish(changed.of({ body: 'bad' }), 'a')
    await publisher.publish(changed.of({ body: 'after' }), 'a')
    await publisher.publish(changed.of({ body: 'other' }), 'b')
    await until('all are handled', async () => (await consumer.handled()).length === 3)
    const ofA = (await consumer.handled()).filter(({ key }) => key === 'a')
    expect(ofA.map(({ body }) => body)).toEqual(['bad', 'after'])
    expect((await consumer.bus.status()).consumers[0]).toMatchObject({ waiting: 0, deadLetters: 0 })
  })

  it('keeps what always fails as a dead letter, which is handled when it is redriven', async () => {
    const state = { broken: true }
    const { publisher, consumer, changed } = await pair(({ body }) => {
      if (body === 'bad' && state.broken) throw new Error('no such product')
    })
    await publisher.publish(changed.of({ body: 'bad' }), 'a')
    await publisher.publish(changed.of({ body: 'after' }), 'a')
    await until('the next is handled', async () => (await consumer.handled()).length === 1)
    expect((await consumer.bus.status()).consumers[0]).toMatchObject({ deadLetters: 1 })
    const [letter] = await consumer.durable.deadLetters.list()
    expect(letter).toMatchObject({ kind: 'event', key: 'a', attempts: 3 })
    expect(letter!.error).toContain('no such product')
    state.broken = false
    await consumer.durable.deadLetters.redrive(letter!.id)
    await until('it is handled', async () => (await consumer.handled()).length === 2)
    expect((await consumer.bus.status()).consumers[0]).toMatchObject({ deadLetters: 0 })
  })

  it('hands batches to who asks for them, and each of one alone where one cannot be handled', async () => {
    const { publisher, consumer, changed } = await two((of) => ({
      ...of,
      batchHandler: async (events, { tx }) => {
        for (const { key, payload } of events) await write(tx, key, payload.body)
        if (events.some(({ payload }) => payload.body === 'bad')) throw new Unprocessable('bad')
      },
    }))
    const good = Array.from({ length: 20 }, (_, n) => `good ${n}`)
    for (const body of [...good.slice(0, 10), 'bad', ...good.slice(10)]) {
      await publisher.publish(changed.of({ body }), body === 'bad' ? 'bad' : `key ${body.at(-1)}`)
    }
    await until('all are handled', async () => (await consumer.handled()).length >= good.length)
    const { deadLetters } = consumer.durable
    await until('the other is dead', async () => (await deadLetters.list()).length === 1)
    expect((await deadLetters.list())[0]).toMatchObject({ key: 'bad', attempts: 1 })
    const handled = (await consumer.handled()).map((row) => row.body)
    expect(handled.toSorted()).toEqual(good.toSorted())
    for (const n of [0, 5]) {
      expect(handled.filter((body) => body.endsWith(`${n}`))).toEqual([`good ${n}`, `good 1${n}`])
    }
  })

  it('handles a message once that the transport delivers twice', async () => {
    const { consumer, changed } = await pair(() => {})
    const transport = await bench().opened.transport()
    const body = (id: string, text: string) =>
      JSON.stringify({
        eventId: id,
        eventType: changed.type,
        timestamp: new Date().toISOString(),
        source: 'elsewhere',
        correlationId: 'c',
        payload: { body: text },
      })
    const id = randomUUID()
    const wire = { id, type: changed.type, key: 'a', body: body(id, 'twice'), headers: {} }
    const last = { ...wire, id: randomUUID(), body: body(randomUUID(), 'last') }
    await transport.publish([wire])
    await transport.publish([wire, last])
    await until('the last is handled', async () => {
      return (await consumer.handled()).some((row) => row.body === 'last')
    })
    expect((await consumer.handled()).map((row) => row.body)).toEqual(['twice', 'last'])
  })

  it.each([
    ['is no JSON', () => 'no JSON at all', 'no JSON object'],
    [
      'does not fit its schema',
      (type: string) =>
        JSON.stringify({
          eventId: 'not-a-uuid',
          eventType: type,
          timestamp: new Date().toISOString(),
          source: 'elsewhere',
          correlationId: 'c',
          payload: { body: 7 },
        }),
      'payload.body',
    ],
  ])('makes a dead letter at once of what %s', async (_, body, reason) => {
    const { consumer, changed } = await pair(() => {})
    const transport = await bench().opened.transport()
    const wire = { id: randomUUID(), type: changed.type, key: 'a', headers: {} }
    await transport.publish([{ ...wire, body: body(changed.type) }])
    const { deadLetters } = consumer.durable
    await until('it is dead', async () => (await deadLetters.list()).length === 1)
    const [letter] = await deadLetters.list()
    expect(letter).toMatchObject({ attempts: 1, subject: changed.type })
    expect(letter!.error).toContain(reason)
    expect(await consumer.handled()).toEqual([])
  })

  it('loses and doubles nothing when the broker is killed under load', async () => {
    const { publisher, consumer, changed } = await pair(() => {})
    const keys = 10
    const { harness } = bench()
    await harness.settle?.()
    const each = shareOf(harness, 60)
    const publishing = (async () => {
      for (let n = 0; n < each; n++) {
        await Promise.all(
          Array.from({ length: keys }, (_, key) =>
            publisher.publish(changed.of({ body: String(n) }), `key-${key}`),
          ),
        )
      }
    })()
    await until('some are handled', async () => (await consumer.handled()).length > keys)
    await harness.restartBroker()
    await publishing
    await until('all are handled', async () => (await consumer.handled()).length >= keys * each)
    await until('nothing is on its way', async () => {
      const { outbox, consumers } = await consumer.bus.status()
      return outbox.messages === 0 && consumers[0]!.backlog === 0 && consumers[0]!.waiting === 0
    })
    const handled = await consumer.handled()
    const expected = Array.from({ length: each }, (_, n) => String(n))
    for (let key = 0; key < keys; key++) {
      const bodies = handled.filter((row) => row.key === `key-${key}`).map((row) => row.body)
      if (harness.disordersWhenRestarted) bodies.sort((a, b) => Number(a) - Number(b))
      expect(bodies).toEqual(expected)
    }
  })

  /** One service that publishes, and one that writes down what it handles after `work` let it. */
  function pair(work: (payload: { body: string }) => void) {
    return two((of) => ({
      ...of,
      handler: async ({ key, payload }, { tx }) => {
        await write(tx, key, payload.body)
        work(payload)
      },
    }))
  }

  /** One service that publishes, and one that subscribes as it is said. */
  async function two(
    subscription: (of: {
      consumer: string
      events: readonly [Changed]
    }) => ConsumerDefinition<readonly [Changed]>,
  ) {
    const { group, type } = names()
    const changed = changedEvent(type)
    const publisher = await bench().service('publisher', { publishes: [changed] })
    const consumer: Service = await bench().service('consumer', { publishes: [] })
    consumer.bus.subscribe(subscription({ consumer: group, events: [changed] }))
    await Promise.all([publisher.bus.start(), consumer.bus.start()])
    return { publisher, consumer, changed }
  }
}

type Changed = ReturnType<typeof changedEvent>

async function write(tx: PoolClient, key: string, body: string): Promise<void> {
  await tx.query('INSERT INTO public.handled (key, body) VALUES ($1, $2)', [key, body])
}
