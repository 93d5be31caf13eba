import { setTimeout as delay } from 'node:timers/promises'
import type { Consumer, Kafka, PartitionAssigner } from 'kafkajs'
import {
  DEFAULT_CONCURRENCY,
  type Subscription,
  type SubscriptionRequest,
  type WireMessage,
} from '../transport.ts'
import type { KafkaAdmin } from './admin.ts'
import { assignerOf } from './assigner.ts'
import { KafkaAssignment } from './assignment.ts'
import { positionsOf } from './positions.ts'
import type { Settled } from './settings.ts'

/** How long the broker may hold an answer back when there is nothing to read, ms. */
const FETCH_WAIT_MS = 250
const FETCH_BYTES = 16 * 1024 * 1024
/** A consumer that gave up is made again after this, ms. */
const AGAIN_MS = 500
/** Leaving a group whose broker is away is not waited for any longer, ms. */
const LEAVE_MS = 5_000

export interface KafkaSubscriptionOptions {
  readonly kafka: Kafka
  readonly admin: KafkaAdmin
  readonly settings: Settled
  readonly request: SubscriptionRequest
  readonly deliver: (message: WireMessage) => Promise<void>
}

/** A member of a consumer group. */
export class KafkaSubscription implements Subscription {
  readonly #options: KafkaSubscriptionOptions
  #consumer: Consumer | null = null
  #assignment: KafkaAssignment | null = null
  #closing: Promise<void> | null = null

  private constructor(options: KafkaSubscriptionOptions) {
    this.#options = options
  }

  static async open(options: KafkaSubscriptionOptions): Promise<KafkaSubscription> {
    const subscription = new KafkaSubscription(options)
    try {
      await subscription.#start()
      await subscription.#everyPartitionHasAPosition()
    } catch (error) {
      await subscription.close()
      throw error
    }
    return subscription
  }

  get group(): string {
    return this.#options.request.group
  }

  get assignment(): KafkaAssignment | null {
    return this.#assignment
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#assignment?.drain()
    const leaving = this.#consumer?.disconnect().catch(() => {})
    await Promise.race([leaving, delay(LEAVE_MS, undefined, { ref: false })])
  }

  async #start(): Promise<void> {
    const { kafka, settings, request } = this.#options
    const { topic, sessionTimeoutMs, rebalanceTimeoutMs, maxMessageBytes } = settings
    const consumer = kafka.consumer({
      groupId: request.group,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.min(3_000, Math.floor(sessionTimeoutMs / 4)),
      rebalanceTimeout: rebalanceTimeoutMs,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytes: FETCH_BYTES,
      maxBytesPerPartition: Math.max(1024 * 1024, maxMessageBytes),
      metadataMaxAge: 30_000,
      allowAutoTopicCreation: false,
      readUncommitted: false,
      partitionAssigners: [this.#assignerThatWaits],
      retry: {
        initialRetryTime: 50,
        maxRetryTime: 1_000,
        retries: Number.MAX_SAFE_INTEGER,
        restartOnFailure: async () => false,
      },
    })
    this.#consumer = consumer
    const { GROUP_JOIN, CRASH, END_BATCH_PROCESS } = consumer.events
    consumer.on(GROUP_JOIN, ({ payload }) => {
      this.#joined(consumer, payload.memberAssignment[topic] ?? [])
    })
    consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      this.#assignment?.passed(payload.partition, Number(payload.lastOffset))
    })
    consumer.on(CRASH, () => this.#again(consumer))
    await consumer.connect()
    // Where a group begins is for the assignment to say; what is read before it does is not taken.
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 16,
      eachBatch: async (payload) => this.#assignment?.take(payload),
    })
  }

  /**
   * kafkajs rejoins a group the moment it hears of a rebalance, and the partitions may go to another
   * member while deliveries of them run here: a key would be worked on twice at once. It asks its
   * assigner for what to join with, and asks again when that throws; so ours throws until all is done.
   */
  readonly #assignerThatWaits: PartitionAssigner = (config) => {
    const assigner = assignerOf(this.#options.request.types)(config)
    return {
      ...assigner,
      protocol: (subscription) => {
        if (this.#assignment && !this.#assignment.drained) {
          void this.#assignment.drain()
          throw new Error('deliveries of the last assignment run')
        }
        return assigner.protocol(subscription)
      },
    }
  }

  #joined(consumer: Consumer, partitions: readonly number[]): void {
    if (this.#closing || this.#consumer !== consumer) return
    const { admin, settings, request, deliver } = this.#options
    const assignment = new KafkaAssignment({
      consumer,
      admin,
      topic: settings.topic,
      group: request.group,
      types: new Set(request.types),
      partitions,
      concurrency: request.concurrency ?? DEFAULT_CONCURRENCY,
      deliver,
    })
    this.#assignment = assignment
    assignment.ready.catch(() => {
      if (this.#assignment === assignment) this.#again(consumer)
    })
  }

  /** Leaves with this consumer and comes back with a new one. */
  #again(consumer: Consumer): void {
    if (this.#closing || this.#consumer !== consumer) return
    this.#consumer = null
    void (async () => {
      await this.#assignment?.drain()
      await Promise.race([consumer.disconnect().catch(() => {}), delay(LEAVE_MS)])
      while (!this.#closing) {
        await delay(AGAIN_MS)
        if (this.#closing) return
        try {
          return await this.#start()
        } catch {
          // The broker is away; it is tried until it is back or the subscription is closed.
        }
      }
    })()
  }

  async #everyPartitionHasAPosition(): Promise<void> {
    const { admin, settings, request } = this.#options
    for (;;) {
      const assignment = this.#assignment
      if (assignment) {
        await assignment.ready.catch(() => {})
        const found = await positionsOf(admin, settings.topic, request.group)
        if (found.partitions.length > 0 && found.committed.size === found.partitions.length) return
      }
      await delay(20)
    }
  }
}
