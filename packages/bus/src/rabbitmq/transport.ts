import { checkSubscription } from '../check-subscription.ts'
import { OpenSubscriptions } from '../open-subscriptions.ts'
import type { Subscription, SubscriptionRequest, Transport, WireMessage } from '../transport.ts'
import { closed } from './closed.ts'
import { Link } from './link.ts'
import { RabbitmqPublisher } from './publisher.ts'
import { type RabbitmqSettings, type Settled, settle } from './settings.ts'
import { RabbitmqSubscription } from './subscription.ts'
import { declareGroup, openChannel, queueOf } from './topology.ts'

/**
 * Connects to RabbitMQ (3.10 or newer) and makes the exchange when it is not there.
 *
 * @throws BanyanError BAD_BUS_SETTING; what the broker or the network said.
 */
export async function openRabbitmqTransport(given: RabbitmqSettings): Promise<Transport> {
  const transport = new RabbitmqTransport(settle(given))
  try {
    await transport.check()
  } catch (error) {
    await transport.close()
    throw error
  }
  return transport
}

class RabbitmqTransport implements Transport {
  readonly name = 'rabbitmq'
  readonly #settings: Settled
  readonly #publisher: RabbitmqPublisher
  readonly #link: Link
  readonly #subscriptions = new OpenSubscriptions<RabbitmqSubscription>()
  #closing: Promise<void> | null = null

  constructor(settings: Settled) {
    this.#settings = settings
    this.#publisher = new RabbitmqPublisher(settings)
    this.#link = new Link(settings, 'consumer')
  }

  async publish(messages: readonly WireMessage[]): Promise<void> {
    if (messages.length > 0) await this.#publisher.publish(messages)
  }

  async subscribe(
    request: SubscriptionRequest,
    deliver: (message: WireMessage) => Promise<void>,
  ): Promise<Subscription> {
    checkSubscription(request)
    await declareGroup(await this.#link.model(), this.#settings, request)
    const subscription = new RabbitmqSubscription({
      link: this.#link,
      settings: this.#settings,
      request,
      deliver,
    })
    return this.#subscriptions.add(subscription)
  }

  /** What waits in the queues and what this transport has in hand; not what other processes have. */
  async backlog(group: string): Promise<number> {
    const channel = await openChannel(await this.#link.model())
    try {
      let backlog = 0
      for (let partition = 0; partition < this.#settings.partitions; partition++) {
        const queue = queueOf(this.#settings, group, partition)
        backlog += (await channel.checkQueue(queue)).messageCount
      }
      for (const one of this.#subscriptions) if (one.group === group) backlog += one.pending
      return backlog
    } finally {
      await closed(channel)
    }
  }

  check(): Promise<void> {
    return this.#publisher.check()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#subscriptions.close()
    await this.#publisher.close()
    await this.#link.close()
  }
}
