import { randomUUID } from 'node:crypto'
import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge'
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { afterEach, describe, expect, it } from 'vitest'
import { busConformance } from '../conformance/bus.ts'
import { Deliveries } from '../conformance/deliveries.ts'
import { message, names, type TransportHarness } from '../conformance/harness.ts'
import { transportConformance } from '../conformance/index.ts'
import { until } from '../conformance/until.ts'
import { restartServer, serverUrl } from '../testing/servers.ts'
import type { Transport } from '../transport.ts'
import { type AwsSettings, openAwsTransport } from './index.ts'

// The emulators take any; children of the suite inherit them, as services do from their environment.
process.env.AWS_ACCESS_KEY_ID ??= 'test'
process.env.AWS_SECRET_ACCESS_KEY ??= 'test'

const REGION = 'us-east-1'
/** Keeps its messages over a restart. */
const SQS = serverUrl('BANYAN_SQS_URL', 'http://127.0.0.1:14324')
/** Has EventBridge beside SQS. */
const MOTO = serverUrl('BANYAN_AWS_URL', 'http://127.0.0.1:10000')

const settings = (sqsEndpoint: string): AwsSettings => ({
  region: REGION,
  sqsEndpoint,
  queuePrefix: `t${randomUUID().slice(0, 8)}-`,
  visibilityTimeoutS: 2,
  waitS: 1,
  groupsMaxAgeMs: 200,
})

const harness = async (): Promise<TransportHarness> => ({
  module: new URL('../testing/open-aws.ts', import.meta.url).href,
  settings: JSON.stringify(settings(SQS)),
  largestBody: 200 * 1024,
  disordersWhenRestarted: true,
  share: 0.1,
  restartBroker: () => restartServer('elasticmq'),
  stop: async () => {},
})

transportConformance('AWS', harness)
busConformance('AWS', harness)

describe('what AWS has of its own', () => {
  const open: Transport[] = []
  const transport = async (given: AwsSettings) => {
    const one = await openAwsTransport(given)
    open.push(one)
    return one
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()))
  })
  const sqs = new SQSClient({ region: REGION, endpoint: MOTO })
  const eventBridge = new EventBridgeClient({ region: REGION, endpoint: MOTO })

  it('tells each event to an event bus, whose rules choose by source and type', async () => {
    const { group, type, unknown } = names()
    const Name = `bus-${randomUUID()}`
    await eventBridge.send(new CreateEventBusCommand({ Name }))
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: `of-${Name}` }))
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
    )
    const EventPattern = JSON.stringify({ source: ['/orders'], 'detail-type': [type] })
    await eventBridge.send(
      new PutRuleCommand({ Name: 'orders', EventBusName: Name, EventPattern, State: 'ENABLED' }),
    )
    const target = { Id: '1', Arn: Attributes!.QueueArn! }
    await eventBridge.send(
      new PutTargetsCommand({ Rule: 'orders', EventBusName: Name, Targets: [target] }),
    )

    const one = await transport({
      ...settings(MOTO),
      eventBridge: { bus: Name, endpoint: MOTO, source: '/another' },
    })
    await one.check()
    const got = new Deliveries()
    await one.subscribe({ group, types: [type] }, got.with())
    const from = (source: string) => ({ headers: { 'ce-source': source } })
    const sent = [
      { ...message(type, 'a', '{"eventId":"1"}'), ...from('/orders') },
      { ...message(unknown, 'a', '{"eventId":"2"}'), ...from('/orders') },
      { ...message(type, 'a', '{"eventId":"3"}'), ...from('/elsewhere') },
      message(type, 'a', '{"eventId":"4"}'),
      { ...message(type, 'b', 'no object'), ...from('/orders') },
    ]
    await one.publish(sent)
    await until('the group has its own', () => got.distinct === 4)

    const told: unknown[] = []
    await until('the rule has delivered two', async () => {
      const { Messages } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
      )
      told.push(...(Messages ?? []).map(({ Body }) => JSON.parse(Body!)))
      return told.length === 2
    })
    const common = { source: '/orders', 'detail-type': type }
    expect(told).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...common, detail: { eventId: '1' } }),
        expect.objectContaining({ ...common, detail: { body: 'no object' } }),
      ]),
    )
  })

  it('is not ready while its event bus is not there', async () => {
    const eventBridgeOf = { bus: `missing-${randomUUID()}`, endpoint: MOTO }
    await expect(transport({ ...settings(MOTO), eventBridge: eventBridgeOf })).rejects.toThrow()
  })

  it('keeps a message hidden while its handler runs for longer than the timeout', async () => {
    const { group, type } = names()
    const given = settings(SQS)
    const [one, two] = [await transport(given), await transport(given)]
    const got = new Deliveries()
    let finish = () => {}
    const gate = new Promise<void>((resolve) => {
      finish = resolve
    })
    const deliver = got.with(({ key }) => (key === 'slow' ? gate : undefined))
    await one.subscribe({ group, types: [type] }, deliver)
    await two.subscribe({ group, types: [type] }, deliver)
    const slow = message(type, 'slow', '1')
    await one.publish([slow, message(type, 'slow', '2')])
    await until('it runs', () => got.running === 1)
    // A clock of the same server: what is published and done meanwhile, one after the other.
    const begun = performance.now()
    for (let i = 0; performance.now() - begun < given.visibilityTimeoutS! * 2_000; i++) {
      await two.publish([message(type, `other-${i}`, '')])
      await until('another is done', () => got.distinct === i + 1)
    }
    expect(got.begun.filter(({ key }) => key === 'slow')).toEqual([slow])
    finish()
    await until('both are done', () => got.done.filter(({ key }) => key === 'slow').length === 2)
    expect(got.begun.filter(({ key }) => key === 'slow')).toHaveLength(2)
  })

  it('sends a message that is published again within five minutes to nobody twice', async () => {
    const { group, type } = names()
    const one = await transport(settings(SQS))
    const got = new Deliveries()
    await one.subscribe({ group, types: [type] }, got.with())
    const sent = [message(type, 'a', '1'), message(type, 'b', '1')]
    await one.publish(sent)
    await one.publish([...sent, message(type, 'a', '2'), message(type, 'b', '2')])
    await until('the later ones are delivered', () => got.distinct === 4)
    expect(got.begun).toHaveLength(4)
  })

  it('refuses what is too large before it sends anything', async () => {
    const { group, type } = names()
    const one = await transport(settings(SQS))
    const got = new Deliveries()
    await one.subscribe({ group, types: [type] }, got.with())
    const large = message(type, 'a', 'ä'.repeat(131_072))
    await expect(one.publish([message(type, 'a', '1'), large])).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      values: { id: large.id, type, limit: 262_144 },
    })
    await one.publish([message(type, 'a', '2')])
    await until('what came after is delivered', () => got.distinct === 1)
    expect(got.begun.map(({ body }) => body)).toEqual(['2'])
  })

  it('delivers a body with characters that SQS refuses', async () => {
    const { group, type } = names()
    const one = await transport(settings(SQS))
    const got = new Deliveries()
    await one.subscribe({ group, types: [type] }, got.with())
    const odd = message(type, 'k\u0000\uffff', 'a\u0000b\u001f\ufffe')
    await one.publish([odd])
    await until('it is delivered', () => got.done.length > 0)
    expect(got.done[0]).toEqual(odd)
  })

  it('leaves a type that it does not know to a member that does', async () => {
    const { group, type, unknown: added } = names()
    const given = settings(SQS)
    const [yesterday, today] = [await transport(given), await transport(given)]
    const [old, now] = [new Deliveries(), new Deliveries()]
    await yesterday.subscribe({ group, types: [type] }, old.with())
    await today.subscribe({ group, types: [type, added] }, now.with())
    const sent = Array.from({ length: 6 }, (_, i) => message(added, `key-${i}`, ''))
    await today.publish(sent)
    await until('all are delivered', () => now.distinct === sent.length)
    expect(old.begun).toEqual([])
  })

  it('does not say that it published to a group whose queue is away', async () => {
    const { group, type } = names()
    const given = settings(SQS)
    const one = await transport(given)
    const member = await one.subscribe({ group, types: [type] }, async () => {})
    await member.close()
    await one.publish([message(type, 'a', '1')])
    const client = new SQSClient({ region: REGION, endpoint: SQS })
    const QueueUrl = `${SQS}/000000000000/${given.queuePrefix}${group}.fifo`
    await client.send(new DeleteQueueCommand({ QueueUrl }))
    client.destroy()
    await until('the list was read again', async () => {
      return one.publish([message(type, 'a', '2')]).then(
        () => false,
        () => true,
      )
    })
    await new Promise((resolve) => setTimeout(resolve, 2 * given.groupsMaxAgeMs!))
    await expect(one.publish([message(type, 'a', '3')])).rejects.toThrow()
  })

  it('makes no queue when it may not', async () => {
    const { group, type } = names()
    const one = await transport({ ...settings(SQS), create: false })
    await expect(one.subscribe({ group, types: [type] }, async () => {})).rejects.toThrow()
    expect(await one.backlog(group)).toBe(0)
  })

  it('takes a message that nobody of ours wrote for nobody', async () => {
    const { group, type } = names()
    const given = settings(SQS)
    const one = await transport(given)
    const got = new Deliveries()
    await one.subscribe({ group, types: [type] }, got.with())
    const client = new SQSClient({ region: REGION, endpoint: SQS })
    const QueueUrl = `${SQS}/000000000000/${given.queuePrefix}${group}.fifo`
    await client.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: 'hello',
        MessageGroupId: 'a',
        MessageDeduplicationId: randomUUID(),
      }),
    )
    await one.publish([message(type, 'b', '')])
    await until('ours is delivered', () => got.done.length === 1)
    expect(got.begun.map(({ key }) => key)).toEqual(['b'])
    client.destroy()
  })

  it.each([
    [{ queuePrefix: 'a.b' }, 'queuePrefix: given "a.b"'],
    [{ waitS: 21 }, 'waitS: given 21'],
    [{ maxMessageBytes: 2_000_000 }, 'maxMessageBytes: given 2000000'],
  ])('refuses the setting %j', async (setting, reason) => {
    await expect(transport({ ...settings(SQS), ...setting })).rejects.toThrow(reason)
  })
})
