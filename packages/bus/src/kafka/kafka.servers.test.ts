import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { afterEach, describe, expect, it } from 'vitest'
import { busConformance } from '../conformance/bus.ts'
import { Deliveries } from '../conformance/deliveries.ts'
import { message, messages, names, type TransportHarness } from '../conformance/harness.ts'
import { transportConformance } from '../conformance/index.ts'
import { until } from '../conformance/until.ts'
import { restartServer, serverUrl } from '../testing/servers.ts'
import type { Transport } from '../transport.ts'
import { type KafkaSettings, openKafkaTransport } from './index.ts'

const SETTINGS: KafkaSettings = {
  brokers: [new URL(serverUrl('BANYAN_KAFKA_URL', 'kafka://127.0.0.1:14092')).host],
  topic: `test-${randomUUID()}`,
  create: { partitions: 4 },
  // The least that brokers allow as they come; with 2 s a busy machine gives members up that live.
  sessionTimeoutMs: 6_000,
  rebalanceTimeoutMs: 10_000,
}

const harness = async (): Promise<TransportHarness> => ({
  module: new URL('../testing/open-kafka.ts', import.meta.url).href,
  settings: JSON.stringify(SETTINGS),
  largestBody: 1024 * 1024,
  restartBroker: () => restartServer('kafka'),
  stop: async () => {},
})

transportConformance('Kafka', harness)
busConformance('Kafka', harness)

describe('what Kafka has of its own', () => {
  const open: Transport[] = []
  const transport = async (more: Partial<KafkaSettings> = {}) => {
    const one = await openKafkaTransport({ ...SETTINGS, ...more })
    open.push(one)
    return one
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()))
  })

  it('fences off a publisher whose name another process has taken', async () => {
    const { type } = names()
    const transactionalId = `relay-${randomUUID()}`
    const old = await transport({ transactionalId })
    await old.publish([message(type, 'a', '1')])
    await old.check()
    const successor = await transport({ transactionalId })
    await successor.publish([message(type, 'a', '2')])
    const fenced = { code: 'PRODUCER_FENCED', values: { transactionalId } }
    await expect(old.publish([message(type, 'a', '3')])).rejects.toMatchObject(fenced)
    await expect(old.publish([message(type, 'a', '3')])).rejects.toMatchObject(fenced)
    await expect(old.check()).rejects.toMatchObject(fenced)
    await successor.publish([message(type, 'a', '4')])
  })

  it('delivers nothing of a transaction that was not committed', async () => {
    const { group, type } = names()
    const one = await transport()
    const got = new Deliveries()
    await one.subscribe({ group, types: [type] }, got.with())
    const kafka = new Kafka({ brokers: [...SETTINGS.brokers], logLevel: logLevel.NOTHING })
    const producer = kafka.producer({ transactionalId: randomUUID(), idempotent: true })
    await producer.connect()
    const transaction = await producer.transaction()
    const headers = { 'banyan-id': randomUUID(), 'banyan-type': type }
    await transaction.send({
      topic: SETTINGS.topic!,
      messages: [{ key: 'a', value: 'half', headers }],
    })
    await transaction.abort()
    await producer.disconnect()
    await one.publish([message(type, 'a', 'whole')])
    await until('the whole one is delivered', () => got.distinct === 1)
    expect(got.begun.map(({ body }) => body)).toEqual(['whole'])
  })

  it('refuses what is too large before it sends anything', async () => {
    const { group, type } = names()
    const one = await transport({ maxMessageBytes: 10_000 })
    const got = new Deliveries()
    await one.subscribe({ group, types: [type] }, got.with())
    const large = message(type, 'a', 'x'.repeat(10_000))
    await expect(one.publish([message(type, 'a', '1'), large])).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      values: { id: large.id, type, limit: 10_000 },
    })
    await one.publish([message(type, 'a', '2')])
    await until('what came after is delivered', () => got.distinct === 1)
    expect(got.begun.map(({ body }) => body)).toEqual(['2'])
  })

  it('does not deliver again what was done behind a message that was not', async () => {
    const { group, type } = names()
    const first = await transport()
    const before = new Deliveries()
    await first.subscribe(
      { group, types: [type], concurrency: 8 },
      before.with(({ key }) => {
        if (key === 'poison') throw new Error('never')
      }),
    )
    await first.publish([message(type, 'poison', '0'), ...messages(type, 200, 10)])
    await until('the others are done', () => before.distinct === 200)
    await first.close()
    const second = await transport()
    const after = new Deliveries()
    await second.subscribe({ group, types: [type] }, after.with())
    await until('the poison is done', () => after.distinct > 0)
    expect(after.begun.map(({ key }) => key)).toEqual(['poison'])
  })

  it('reads a partition no further while it holds a thousand messages of it', async () => {
    const { group, type } = names()
    const one = await transport()
    const got = new Deliveries()
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const request = { group, types: [type], concurrency: 1 }
    await one.subscribe(
      request,
      got.with(() => gate),
    )
    const sent = messages(type, 1_500, 1)
    for (let i = 0; i < sent.length; i += 100) await one.publish(sent.slice(i, i + 100))
    await until('one runs', () => got.running === 1)
    // It reads on meanwhile, up to a thousand; what it looks at one after the other is told together.
    await until('all are counted', async () => (await one.backlog(group)) >= 1_500)
    open()
    await until('all are done', () => got.distinct === sent.length)
    expect(got.done).toEqual(sent)
  })

  it('passes over nothing that only the members of a new version ask for', async () => {
    const { group, type, unknown: added } = names()
    const [yesterday, today] = [await transport(), await transport()]
    const [old, now] = [new Deliveries(), new Deliveries()]
    await yesterday.subscribe({ group, types: [type] }, old.with())
    await today.subscribe({ group, types: [type, added] }, now.with())
    const sent = [...messages(type, 20, 20), ...messages(added, 20, 20)]
    await today.publish(sent)
    await until('all are delivered', () => old.distinct + now.distinct === sent.length)
    expect(now.done.filter((one) => one.type === added)).toHaveLength(20)
  })

  it('does not make a topic that it may not make', async () => {
    const one = await transport({ topic: `missing-${randomUUID()}`, create: null })
    await expect(one.check()).rejects.toThrow('Kafka has no topic "missing-')
  })

  it.each([
    [{ brokers: [] }, 'brokers'],
    [{ topic: 'a topic' }, 'topic'],
    [{ maxMessageBytes: 10 }, 'maxMessageBytes: given 10'],
    [{ create: { partitions: 0 } }, 'create.partitions: given 0'],
  ])('refuses the setting %j', async (setting, reason) => {
    await expect(transport(setting)).rejects.toThrow(reason)
  })
})
