import { expect, it } from 'vitest'
import { DEFAULT_CONCURRENCY } from '../transport.ts'
import { Deliveries, firsts } from './deliveries.ts'
import { message, messages, names, shareOf } from './harness.ts'
import type { Bench } from './index.ts'
import { until } from './until.ts'

/** What is delivered, how it looks, and in which order. */
export function deliveryCases(bench: () => Bench): void {
  it('answers a check', async () => {
    const transport = await bench().opened.transport()
    await transport.check()
  })

  it('delivers a message as it was published: id, type, key, body and headers', async () => {
    const { group, type } = names()
    const transport = await bench().opened.transport()
    const got = new Deliveries()
    await transport.subscribe({ group, types: [type] }, got.with())
    const sent = {
      ...message(type, 'a key with spaces, "quotes" and ü', '{"text":"Zürich 🌳\\n"}'),
      // As many as the bus sends.
      headers: {
        'content-type': 'application/json',
        'ce-specversion': '1.0',
        'ce-id': '5f1c1f4e-0000-4000-8000-000000000000',
        'ce-type': type,
        'ce-source': '/a/service',
        'ce-time': '2026-01-02T03:04:05.678Z',
        'ce-correlationid': 'Straße 7 / 100%',
        'ce-schemaversion': '3',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      },
    }
    await transport.publish([sent])
    await until('it is delivered', () => got.done.length > 0)
    expect(got.done[0]).toEqual(sent)
  })

  it('publishes nothing when it is given nothing', async () => {
    const transport = await bench().opened.transport()
    await transport.publish([])
  })

  it('delivers what was published in the order of each key, one of a key at a time', async () => {
    const { group, type } = names()
    const transport = await bench().opened.transport()
    const got = new Deliveries()
    await transport.subscribe({ group, types: [type], concurrency: 8 }, got.with(aMoment))
    const sent = messages(type, shareOf(bench().harness, 600, 12), 12)
    for (let i = 0; i < sent.length; i += 50) await transport.publish(sent.slice(i, i + 50))
    await until('all are delivered', () => got.distinct === sent.length)
    expect(firsts(got.done)).toEqual(firsts(sent))
    expect(got.overlaps).toEqual([])
  })

  it('keeps the order of each key over many keys', async () => {
    const { group, type } = names()
    const transport = await bench().opened.transport()
    const got = new Deliveries()
    await transport.subscribe({ group, types: [type], concurrency: 32 }, got.with())
    const keys = shareOf(bench().harness, 3_000)
    const sent = messages(type, 2 * keys, keys)
    for (let i = 0; i < sent.length; i += 500) await transport.publish(sent.slice(i, i + 500))
    await until('all are delivered', () => got.distinct === sent.length)
    expect(firsts(got.done)).toEqual(firsts(sent))
  })

  it.each([
    ['as given', 3],
    ['by default', undefined],
  ])('runs as many deliveries at once as allowed, and never more: %s', async (_, given) => {
    const { group, type } = names()
    const allowed = given ?? DEFAULT_CONCURRENCY
    const transport = await bench().opened.transport()
    const [gate, open] = aGate()
    const got = new Deliveries()
    const request = { group, types: [type], ...(given ? { concurrency: given } : {}) }
    await transport.subscribe(
      request,
      got.with(() => gate),
    )
    const sent = messages(type, 120, 60)
    await transport.publish(sent)
    await until(`${allowed} run`, () => got.running === allowed)
    open()
    await until('all are delivered', () => got.distinct === sent.length)
    expect(got.most).toBe(allowed)
  })

  it('delivers large bodies whole, among small ones and in order', async () => {
    const { group, type } = names()
    const transport = await bench().opened.transport()
    const got = new Deliveries()
    await transport.subscribe({ group, types: [type] }, got.with())
    const large = 'Ä0123456789ABCDEF'.repeat(bench().harness.largestBody / 17 / 1.1)
    const sent = [
      message(type, 'a', 'before'),
      message(type, 'a', large),
      message(type, 'b', large),
      message(type, 'a', 'after'),
    ]
    await transport.publish(sent)
    await until('all are delivered', () => got.distinct === sent.length)
    expect(firsts(got.done)).toEqual(firsts(sent))
    expect(got.done.every((one) => sent.find(({ id }) => id === one.id)?.body === one.body)).toBe(
      true,
    )
  })

  it('tells how many messages a group has not acknowledged', async () => {
    const { group, type } = names()
    const transport = await bench().opened.transport()
    const [gate, open] = aGate()
    const got = new Deliveries()
    await transport.subscribe(
      { group, types: [type], concurrency: 2 },
      got.with(() => gate),
    )
    await transport.publish(messages(type, 20, 20))
    await until('20 wait', async () => (await transport.backlog(group)) === 20)
    open()
    await until('none waits', async () => (await transport.backlog(group)) === 0)
    expect(got.distinct).toBe(20)
  })
}

/** Long enough for another delivery to begin, had the transport one to begin. */
export function aMoment(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A promise, and what resolves it. */
export function aGate(): [Promise<void>, () => void] {
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  return [gate, open]
}
