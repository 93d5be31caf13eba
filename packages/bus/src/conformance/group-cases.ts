import { expect, it } from 'vitest'
import { Deliveries, firsts } from './deliveries.ts'
import { aGate, aMoment } from './delivery-cases.ts'
import { message, messages, names, shareOf } from './harness.ts'
import type { Bench } from './index.ts'
import { until } from './until.ts'

/** Who is given what: types, groups, and members that come and go. */
export function groupCases(bench: () => Bench): void {
  it('does not deliver a type that the group did not ask for', async () => {
    const { group, type, unknown } = names()
    const transport = await bench().opened.transport()
    const got = new Deliveries()
    await transport.subscribe({ group, types: [type] }, got.with())
    // Published in between with the same key: it would come before the last one.
    const sent = [
      message(type, 'a', '1'),
      message(unknown, 'a', '2'),
      message(unknown, 'b', '3'),
      message(type, 'a', '4'),
    ]
    await transport.publish(sent)
    await until('the last is delivered', () => got.done.some(({ body }) => body === '4'))
    expect(got.begun.filter((one) => one.type !== type)).toEqual([])
  })

  it('delivers several types to one group, a key in order across them', async () => {
    const { group, type, unknown: second } = names()
    const transport = await bench().opened.transport()
    const got = new Deliveries()
    await transport.subscribe({ group, types: [type, second] }, got.with(aMoment))
    const sent = messages(type, 60, 5).map((one, i) => (i % 3 ? one : { ...one, type: second }))
    await transport.publish(sent)
    await until('all are delivered', () => got.distinct === sent.length)
    expect(firsts(got.done)).toEqual(firsts(sent))
  })

  it('delivers everything to each of two groups', async () => {
    const { group, other, type } = names()
    const transport = await bench().opened.transport()
    const [mine, theirs] = [new Deliveries(), new Deliveries()]
    await transport.subscribe({ group, types: [type] }, mine.with())
    await transport.subscribe({ group: other, types: [type] }, theirs.with())
    const sent = messages(type, 200, 10)
    await transport.publish(sent)
    await until('both have all', () => mine.distinct === 200 && theirs.distinct === 200)
    expect(firsts(mine.done)).toEqual(firsts(sent))
    expect(firsts(theirs.done)).toEqual(firsts(sent))
  })

  it('gathers for a group while none of its members is there', async () => {
    const { group, type } = names()
    const publisher = await bench().opened.transport()
    const first = await bench().opened.transport()
    const got = new Deliveries()
    await (await first.subscribe({ group, types: [type] }, got.with())).close()
    const sent = messages(type, 50, 5)
    await publisher.publish(sent)
    const second = await bench().opened.transport()
    await second.subscribe({ group, types: [type] }, got.with())
    await until('all are delivered', () => got.distinct === sent.length)
    expect(firsts(got.done)).toEqual(firsts(sent))
  })

  it('gives a group that asks for one type more that type too', async () => {
    const { group, type, unknown: added } = names()
    const transport = await bench().opened.transport()
    const got = new Deliveries()
    const before = await transport.subscribe({ group, types: [type] }, got.with())
    await before.close()
    await transport.subscribe({ group, types: [type, added] }, got.with())
    await transport.publish([message(type, 'a', '1'), message(added, 'a', '2')])
    await until('both are delivered', () => got.distinct === 2)
  })

  it('shares the messages among the members of a group, each message to one of them', async () => {
    const { group, type } = names()
    const [publisher, one, two] = [
      await bench().opened.transport(),
      await bench().opened.transport(),
      await bench().opened.transport(),
    ]
    const members = [new Deliveries(), new Deliveries()]
    const all = new Deliveries()
    await one.subscribe({ group, types: [type], concurrency: 4 }, async (given) => {
      await members[0]!.with(aMoment)(given)
      await all.with()(given)
    })
    await two.subscribe({ group, types: [type], concurrency: 4 }, async (given) => {
      await members[1]!.with(aMoment)(given)
      await all.with()(given)
    })
    // More and more, until both have had some: a broker may take a while to give the second its share.
    let sent = 0
    await until('both members have some', async () => {
      await publisher.publish(messages(type, 200, 50, sent))
      sent += 200
      return members.every(({ done }) => done.length > 0)
    })
    await until('all are delivered', () => all.distinct === sent)
  })

  it('keeps the order of each key while members join and leave', async () => {
    const { group, type } = names()
    const publisher = await bench().opened.transport()
    const got = new Deliveries()
    const join = async () => {
      const transport = await bench().opened.transport()
      await transport.subscribe({ group, types: [type], concurrency: 4 }, got.with(aMoment))
      return transport
    }
    const sent = messages(type, shareOf(bench().harness, 1_200, 240), 40)
    const sixth = sent.length / 6
    const part = (n: number) => publisher.publish(sent.slice(n * sixth, (n + 1) * sixth))
    const first = await join()
    await part(0)
    const [second] = await Promise.all([join(), part(1)])
    await part(2)
    await Promise.all([first.close(), part(3)])
    await Promise.all([join(), part(4)])
    await Promise.all([second.close(), part(5)])
    await until('all are delivered', () => got.distinct === sent.length)
    expect(firsts(got.done)).toEqual(firsts(sent))
    expect(got.overlaps).toEqual([])
  })

  it('finishes what runs when it is closed, and leaves the rest to another member', async () => {
    const { group, type } = names()
    const publisher = await bench().opened.transport()
    const leaving = await bench().opened.transport()
    const [gate, open] = aGate()
    const before = new Deliveries()
    await leaving.subscribe(
      { group, types: [type], concurrency: 4 },
      before.with(() => gate),
    )
    const sent = messages(type, 80, 20)
    await publisher.publish(sent)
    await until('4 run', () => before.running === 4)
    let closed = false
    const closing = leaving.close().then(() => {
      closed = true
    })
    await publisher.check()
    expect(closed).toBe(false)
    open()
    await closing
    expect(before.running).toBe(0)
    const begun = before.begun.length

    const after = new Deliveries()
    const staying = await bench().opened.transport()
    await staying.subscribe({ group, types: [type] }, after.with())
    await until('all are delivered', () => before.distinct + after.distinct === sent.length)
    expect(before.begun).toHaveLength(begun)
    // What the one that left had acknowledged is not delivered again.
    expect(firsts([...before.done, ...after.done])).toEqual(firsts(sent))
    expect(before.done.length + after.done.length).toBe(sent.length)
  })
}
