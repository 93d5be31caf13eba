import { Kafka, logLevel } from 'kafkajs'
import { checkSubscription } from '../check-subscription.ts'
import { OpenSubscriptions } from '../open-subscriptions.ts'
import type { Subscription, SubscriptionRequest, Transport, WireMessage } from '../transport.ts'
import { KafkaAdmin } from './admin.ts'
import { endsOf, positionsOf } from './positions.ts'
import { KafkaPublisher } from './publisher.ts'
import { type KafkaSettings, type Settled, settle } from './settings.ts'
import { KafkaSubscription } from './subscription.ts'

/**
 * Connects to Kafka, makes the topic if it may and must.
 *
 * @throws BanyanError BAD_BUS_SETTING; what the broker or the network said.
 */
export async function openKafkaTransport(given: KafkaSettings): Promise<Transport> {
  const settings = settle(given)
  const kafka = new Kafka({
    clientId: 'banyan',
    brokers: settings.brokers,
    connectionTimeout: 3_000,
    requestTimeout: 30_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 6 },
    // What fails rejects; what is tried again is not worth a line in a service's log.
    logLevel: logLevel.NOTHING,
    ...(given.ssl === undefined ? {} : { ssl: given.ssl }),
    ...(given.sasl === undefined ? {} : { sasl: given.sasl }),
  })
  const admin = new KafkaAdmin(kafka, settings)
  await admin.ensureTopic()
  return new KafkaTransport(kafka, admin, settings)
}

class KafkaTransport implements Transport {
  readonly name = 'kafka'
  readonly #kafka: Kafka
  readonly #settings: Settled
  readonly #admin: KafkaAdmin
  readonly #publisher: KafkaPublisher
  readonly #subscriptions = new OpenSubscriptions<KafkaSubscription>()

  constructor(kafka: Kafka, admin: KafkaAdmin, settings: Settled) {
    this.#kafka = kafka
    this.#settings = settings
    this.#admin = admin
    this.#publisher = new KafkaPublisher(kafka, settings)
  }

  async publish(messages: readonly WireMessage[]): Promise<void> {
    if (messages.length > 0) await this.#publisher.publish(messages)
  }

  async subscribe(
    request: SubscriptionRequest,
    deliver: (message: WireMessage) => Promise<void>,
  ): Promise<Subscription> {
    checkSubscription(request)
    const subscription = await KafkaSubscription.open({
      kafka: this.#kafka,
      admin: this.#admin,
      settings: this.#settings,
      request,
      deliver,
    })
    return this.#subscriptions.add(subscription)
  }

  /**
   * Exact for partitions that a subscription of this transport owns. Of others it is known only how far
   * the group is behind the end of the topic, which other events and the marks of transactions are part of.
   */
  async backlog(group: string): Promise<number> {
    const { topic } = this.#settings
    const [ends, { committed }] = await Promise.all([
      endsOf(this.#admin, topic),
      positionsOf(this.#admin, topic, group),
    ])
    const own = [...this.#subscriptions].filter((subscription) => subscription.group === group)
    let backlog = 0
    for (const [partition, end] of ends) {
      const window = own
        .map(({ assignment }) => assignment?.windows.get(partition))
        .find((one) => one !== undefined)
      if (window) backlog += window.pending + Math.max(0, end - window.next)
      else if (committed.has(partition)) {
        const { offset, ahead } = committed.get(partition)!
        backlog += Math.max(0, end - offset - ahead.size)
      }
    }
    return backlog
  }

  async check(): Promise<void> {
    this.#publisher.check()
    await this.#admin.check()
  }

  async close(): Promise<void> {
    await this.#subscriptions.close()
    await this.#publisher.close()
    await this.#admin.close()
  }
}
