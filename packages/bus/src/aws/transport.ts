import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import { QueueDoesNotExist, SQSClient } from '@aws-sdk/client-sqs'
import { checkSubscription } from '../check-subscription.ts'
import { OpenSubscriptions } from '../open-subscriptions.ts'
import type { Subscription, SubscriptionRequest, Transport, WireMessage } from '../transport.ts'
import { EventBus } from './event-bus.ts'
import { AwsGroups } from './groups.ts'
import { AwsPublisher } from './publisher.ts'
import { AwsQueue } from './queue.ts'
import { type AwsSettings, type Settled, settle } from './settings.ts'
import { AwsSubscription } from './subscription.ts'

/** What a request may take on top of the time that SQS holds its answer back, ms. */
const REQUEST_MS = 10_000

/**
 * Events over SQS FIFO queues, one a group, and told to EventBridge.
 *
 * @throws BanyanError BAD_BUS_SETTING; what AWS or the network said.
 */
export async function openAwsTransport(given: AwsSettings): Promise<Transport> {
  const transport = new AwsTransport(given, settle(given))
  try {
    await transport.check()
  } catch (error) {
    await transport.close()
    throw error
  }
  return transport
}

class AwsTransport implements Transport {
  readonly name = 'aws'
  readonly #settings: Settled
  readonly #sqs: SQSClient
  readonly #eventBridge: EventBridgeClient | null
  readonly #groups: AwsGroups
  readonly #bus: EventBus | null
  readonly #publisher: AwsPublisher
  readonly #subscriptions = new OpenSubscriptions<AwsSubscription>()

  constructor(given: AwsSettings, settings: Settled) {
    this.#settings = settings
    const shared = {
      ...(given.region === undefined ? {} : { region: given.region }),
      requestHandler: {
        connectionTimeout: 3_000,
        requestTimeout: settings.waitS * 1_000 + REQUEST_MS,
        httpAgent: { maxSockets: 200 },
        httpsAgent: { maxSockets: 200 },
      },
    }
    this.#sqs = new SQSClient({ ...shared, ...at(given.sqsEndpoint) })
    this.#groups = new AwsGroups(this.#sqs, settings)
    const { eventBridge } = given
    this.#eventBridge = eventBridge
      ? new EventBridgeClient({ ...shared, ...at(eventBridge.endpoint) })
      : null
    this.#bus =
      eventBridge && this.#eventBridge
        ? new EventBus(
            this.#eventBridge,
            eventBridge.bus,
            eventBridge.source ?? 'banyan',
            settings.maxMessageBytes,
          )
        : null
    this.#publisher = new AwsPublisher(this.#sqs, this.#groups, this.#bus, settings)
  }

  async publish(messages: readonly WireMessage[]): Promise<void> {
    if (messages.length > 0) await this.#publisher.publish(messages)
  }

  async subscribe(
    request: SubscriptionRequest,
    deliver: (message: WireMessage) => Promise<void>,
  ): Promise<Subscription> {
    checkSubscription(request)
    const url = await this.#groups.join(request.group, request.types)
    const queue = new AwsQueue(this.#sqs, url)
    const subscription = new AwsSubscription({ queue, settings: this.#settings, request, deliver })
    return this.#subscriptions.add(subscription)
  }

  /** As SQS counts, which is approximate. */
  async backlog(group: string): Promise<number> {
    try {
      return await new AwsQueue(this.#sqs, await this.#groups.find(group)).length()
    } catch (error) {
      if (error instanceof QueueDoesNotExist) return 0
      throw error
    }
  }

  async check(): Promise<void> {
    await this.#groups.check()
    await this.#bus?.check()
  }

  async close(): Promise<void> {
    await this.#subscriptions.close()
    await this.#publisher.close()
    this.#sqs.destroy()
    this.#eventBridge?.destroy()
  }
}

function at(endpoint: string | undefined): { endpoint?: string } {
  return endpoint === undefined ? {} : { endpoint }
}
