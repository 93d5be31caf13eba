import { crc32 } from 'node:zlib'
import { BanyanError } from '@banyan/contracts'
import type { Channel, ChannelModel } from 'amqplib'
import type { SubscriptionRequest } from '../transport.ts'
import { closed } from './closed.ts'
import type { Settled } from './settings.ts'

/** From this major on a message that came back 20 times is dropped, unless the queue says never. */
const MAJOR_THAT_DROPS = 4

export function partitionOf(key: string, partitions: number): number {
  return crc32(key) % partitions
}

export function routingKey(type: string, partition: number): string {
  return `${type}.${partition}`
}

export function queueOf({ exchange }: Settled, group: string, partition: number): string {
  return `${exchange}.${group}.${partition}`
}

/** Its consumers are the members of the group: at a queue with one active consumer the broker counts only that. */
export function rollOf({ exchange }: Settled, group: string): string {
  return `${exchange}.${group}.members`
}

/**
 * The exchange of all events. What no group asked for goes to a second one, where an operator may look
 * on; its name tells the number of partitions, so that the broker refuses whoever counts otherwise.
 *
 * @throws BanyanError BAD_BUS_SETTING when the exchange stands with another number of partitions.
 */
export async function declareExchange(channel: Channel, settings: Settled): Promise<void> {
  const { exchange, partitions } = settings
  const unrouted = `${exchange}.unrouted-of-${partitions}`
  await channel.assertExchange(unrouted, 'fanout', { durable: true })
  try {
    await channel.assertExchange(exchange, 'topic', { durable: true, alternateExchange: unrouted })
  } catch (cause) {
    if (!isRefused(cause)) throw cause
    throw new BanyanError('BAD_BUS_SETTING', {
      reason: `partitions: given ${partitions}; exchange "${exchange}" was made with another number, or not by this transport`,
    })
  }
}

/**
 * The queues of a group, one a partition, bound to its types. Quorum queues, for they alone confirm
 * what is on the disk (fsync); a single active consumer each, for order.
 */
export async function declareGroup(
  model: ChannelModel,
  settings: Settled,
  { group, types }: SubscriptionRequest,
): Promise<void> {
  const channel = await openChannel(model)
  try {
    await declareExchange(channel, settings)
    const limit = majorOf(model) >= MAJOR_THAT_DROPS ? { 'x-delivery-limit': -1 } : {}
    const queues = Array.from({ length: settings.partitions }, async (_, partition) => {
      const queue = queueOf(settings, group, partition)
      await channel.assertQueue(queue, {
        durable: true,
        arguments: { 'x-queue-type': 'quorum', 'x-single-active-consumer': true, ...limit },
      })
      await Promise.all(
        types.map((type) =>
          channel.bindQueue(queue, settings.exchange, routingKey(type, partition)),
        ),
      )
    })
    await Promise.all(queues)
    await channel.assertQueue(rollOf(settings, group), { durable: true })
  } finally {
    await closed(channel)
  }
}

/** A channel whose errors go to who waits for an answer; without a listener they would end the process. */
export async function openChannel(model: ChannelModel): Promise<Channel> {
  const channel = await model.createChannel()
  channel.on('error', () => {})
  return channel
}

function majorOf(model: ChannelModel): number {
  return Number.parseInt(String(model.connection.serverProperties.version), 10)
}

/** The broker's 406: a thing of that name stands, and is otherwise. */
function isRefused(error: unknown): boolean {
  return (error as { code?: unknown }).code === 406
}
