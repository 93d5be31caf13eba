import { expect, it } from 'vitest'
import { Deliveries, firsts } from './deliveries.ts'
import { message, messages, names, shareOf } from './harness.ts'
import type { Bench } from './index.ts'
import { SilentMember } from './member.ts'
import { insist, until } from './until.ts'

/** What survives a handler that fails, a member that dies, a broker that is killed. */
export function failureCases(bench: () => Bench): void {
  it('delivers a rejected message again, before those behind it with its key', async () => {
    const { group, type } = names()
    const transport = await bench().opened.transport()
    const got = new Deliveries()
    let refusals = 2
    await transport.subscribe(
      { group, types: [type] },
      got.with(({ key, body }) => {
        if (key === 'key-1' && body === '3' && refusals-- > 0) throw new Error('not now')
      }),
    )
    const sent = messages(type, 40, 4)
    await transport.publish(sent)
    await until('all are delivered', () => got.distinct === sent.length)
    expect(firsts(got.done)).toEqual(firsts(sent))
    const bad = sent.find(({ key, body }) => key === 'key-1' && body === '3')!
    expect(got.begun.filter(({ id }) => id === bad.id)).toHaveLength(3)
    expect(got.overlaps).toEqual([])
  })

  it('lets one message that is always rejected hold up its own key only', async () => {
    const { group, type } = names()
    const transport = await bench().opened.transport()
    const got = new Deliveries()
    let poisonous = true
    await transport.subscribe(
      { group, types: [type], concurrency: 4 },
      got.with(({ key }) => {
        if (key === 'poison' && poisonous) throw new Error('never')
      }),
    )
    const bad = [message(type, 'poison', '0'), message(type, 'poison', '1')]
    const good = messages(type, 100, 10)
    await transport.publish([...bad, ...good])
    await until('the others are delivered', () => got.distinct === good.length)
    await until(
      'it was tried again',
      () => got.begun.filter(({ id }) => id === bad[0]!.id).length > 2,
    )
    expect(got.begun.some(({ id }) => id === bad[1]!.id)).toBe(false)
    poisonous = false
    await until('all are delivered', () => got.distinct === good.length + bad.length)
    expect(firsts(got.done)).toEqual(firsts([...bad, ...good]))
  })

  it('gives what a killed member had not acknowledged to another, in order', async () => {
    const { group, type } = names()
    const { harness, opened } = bench()
    const publisher = await opened.transport()
    const silent = await SilentMember.start(harness, { group, types: [type], concurrency: 4 })
    try {
      const sent = messages(type, 100, 10)
      await publisher.publish(sent)
      await until('it has taken some', () => silent.taken.length === 4)
      const got = new Deliveries()
      const staying = await opened.transport()
      await staying.subscribe({ group, types: [type] }, got.with())
      await silent.kill()
      await until('all are delivered', () => got.distinct === sent.length)
      expect(firsts(got.done)).toEqual(firsts(sent))
    } finally {
      await silent.kill()
    }
  })

  it('has what it said it published, when the broker is killed straight after', async () => {
    const { group, type } = names()
    const { harness, opened } = bench()
    const publisher = await opened.transport()
    const got = new Deliveries()
    const early = await publisher.subscribe({ group, types: [type] }, got.with())
    await early.close()
    await harness.settle?.()
    const sent = messages(type, shareOf(harness, 500, 20), 20)
    await insist('publishing', () => publisher.publish(sent))
    await harness.restartBroker()
    const late = await opened.transport()
    await insist('subscribing', async () => {
      await late.subscribe({ group, types: [type] }, got.with())
    })
    await until('all are delivered', () => got.distinct === sent.length)
    if (!harness.disordersWhenRestarted) expect(firsts(got.done)).toEqual(firsts(sent))
  })

  it('goes on after the broker was killed in the middle of publishing and delivering', async () => {
    const { group, type } = names()
    const { harness, opened } = bench()
    const publisher = await opened.transport()
    const subscriber = await opened.transport()
    const got = new Deliveries()
    await subscriber.subscribe({ group, types: [type], concurrency: 8 }, got.with())
    await harness.settle?.()
    const sent = messages(type, shareOf(harness, 2_000, 25), 25)
    const each = shareOf(harness, 100)
    let published = 0
    const publishing = (async () => {
      for (; published < sent.length; published += each) {
        const batch = sent.slice(published, published + each)
        await insist('publishing', () => publisher.publish(batch))
      }
    })()
    await until('some are delivered', () => got.distinct > sent.length / 10)
    await harness.restartBroker()
    await publishing
    await until(
      'all are delivered',
      () => got.distinct === sent.length,
      () => `(${got.distinct} of ${sent.length})`,
    )
    if (!harness.disordersWhenRestarted) expect(firsts(got.done)).toEqual(firsts(sent))
    await publisher.check()
    await subscriber.check()
  })
}
