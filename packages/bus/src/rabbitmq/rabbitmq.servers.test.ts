import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { busConformance } from '../conformance/bus.ts'
import { Deliveries, firsts } from '../conformance/deliveries.ts'
import { message, messages, names, type TransportHarness } from '../conformance/harness.ts'
import { transportConformance } from '../conformance/index.ts'
import { until } from '../conformance/until.ts'
import { restartServer, serverUrl } from '../testing/servers.ts'
import type { Transport } from '../transport.ts'
import { openRabbitmqTransport, type RabbitmqSettings } from './index.ts'

const SETTINGS: RabbitmqSettings = {
  url: serverUrl('BANYAN_RABBITMQ_URL', 'amqp://guest:guest@127.0.0.1:10672'),
  exchange: `test-${randomUUID().slice(0, 8)}`,
  rebalanceMs: 200,
}

const harness = async (): Promise<TransportHarness> => ({
  module: new URL('../testing/open-rabbitmq.ts', import.meta.url).href,
  settings: JSON.stringify(SETTINGS),
  largestBody: 1024 * 1024,
  // Ra keeps the names of its queues in a file that it writes half a second after the last change, or later: a
  // queue that is made just before a SIGKILL is begun anew, empty, and has no leader.
  settle: () => restartServer('rabbitmq', 'stop'),
  restartBroker: () => restartServer('rabbitmq'),
  stop: async () => {},
})

transportConformance('RabbitMQ', harness)
busConformance('RabbitMQ', harness)

describe('what RabbitMQ has of its own', () => {
  const open: Transport[] = []
  const transport = async (more: Partial<RabbitmqSettings> = {}) => {
    const one = await openRabbitmqTransport({ ...SETTINGS, ...more })
    open.push(one)
    return one
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()))
  })

  it('refuses another number of partitions than the exchange was made with', async () => {
    await transport()
    await expect(transport({ partitions: 5 })).rejects.toMatchObject({
      code: 'BAD_BUS_SETTING',
      values: { reason: expect.stringContaining('partitions: given 5') },
    })
  })

  it('says where it found no broker, and does not say the password', async () => {
    const url = 'amqp://guest:secret@127.0.0.1:1'
    const refused = await transport({ url }).catch((error: Error) => error)
    expect(String(refused)).toContain('RabbitMQ at 127.0.0.1:1 cannot be reached')
    expect(String(refused)).not.toContain('secret')
  })

  it('takes no more of a partition in hand than it is told', async () => {
    const { group, type } = names()
    const one = await transport({ prefetch: 10 })
    const got = new Deliveries()
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    await one.subscribe(
      { group, types: [type] },
      got.with(() => gate),
    )
    const other = await transport()
    const sent = messages(type, 100, 1)
    await one.publish(sent)
    // What is not in the hand of the first waits in the queue, where the second counts it.
    await until('ten are in hand', async () => (await other.backlog(group)) === 90)
    release()
    await until('all are done', () => got.distinct === sent.length)
    expect(got.done).toEqual(sent)
  })

  it('keeps a key in order whose messages go on coming while its first is rejected', async () => {
    const { group, type } = names()
    const one = await transport()
    const got = new Deliveries()
    let refuse = true
    await one.subscribe(
      { group, types: [type] },
      got.with(({ body }) => {
        if (refuse && body === '0') throw new Error('not now')
      }),
    )
    const sent = messages(type, 30, 1)
    await one.publish(sent.slice(0, 10))
    await until('it was tried twice', () => got.begun.length === 2)
    await one.publish(sent.slice(10, 20))
    await until('it was tried again', () => got.begun.length === 4)
    refuse = false
    await one.publish(sent.slice(20))
    await until('all are done', () => got.distinct === sent.length)
    expect(firsts(got.begun)).toEqual(firsts(sent))
    expect(got.done).toEqual(sent)
  })

  it('closes when the connection breaks before the broker has confirmed it', async () => {
    const { group, type } = names()
    const broker = new URL(SETTINGS.url)
    let leaving = false
    const between = createServer((client) => {
      const server = connect(Number(broker.port), broker.hostname)
      server.pipe(client)
      client.on('data', (bytes) => {
        // What the client says now is that it closes: it gets no answer.
        if (leaving) client.destroy()
        else server.write(bytes)
      })
      for (const one of [client, server]) one.on('error', () => {})
      client.once('close', () => server.destroy())
      server.once('close', () => client.destroy())
    }).listen(0, '127.0.0.1')
    await once(between, 'listening')
    try {
      const url = new URL(broker)
      url.port = String((between.address() as AddressInfo).port)
      const one = await transport({ url: url.href })
      await one.subscribe({ group, types: [type] }, new Deliveries().with())
      leaving = true
      await one.close()
    } finally {
      between.close()
    }
  })

  it('drops what no group asked for, and goes on', async () => {
    const { group, type, unknown } = names()
    const one = await transport()
    await one.publish([message(unknown, 'a', '1')])
    const got = new Deliveries()
    await one.subscribe({ group, types: [type] }, got.with())
    await one.publish([message(type, 'a', '2')])
    await until('it is delivered', () => got.distinct === 1)
    expect(got.done.map(({ body }) => body)).toEqual(['2'])
  })
})
