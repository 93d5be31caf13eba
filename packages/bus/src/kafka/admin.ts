import type { Admin, Kafka } from 'kafkajs'
import type { Settled } from './settings.ts'

/** One connection for questions and for making the topic; made again after it failed. */
export class KafkaAdmin {
  readonly #kafka: Kafka
  readonly #settings: Settled
  #admin: Promise<Admin> | null = null

  constructor(kafka: Kafka, settings: Settled) {
    this.#kafka = kafka
    this.#settings = settings
  }

  async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    this.#admin ??= this.#connect()
    const admin = this.#admin
    try {
      return await question(await admin)
    } catch (error) {
      if (this.#admin === admin) this.#admin = null
      void admin.then((one) => one.disconnect()).catch(() => {})
      throw error
    }
  }

  /** Makes the topic when it is not there and may be made. @throws what the broker said. */
  async ensureTopic(): Promise<void> {
    const { topic, create, maxMessageBytes } = this.#settings
    await this.ask(async (admin) => {
      if (!create || (await admin.listTopics()).includes(topic)) return
      const { brokers } = await admin.describeCluster()
      const replicas = create.replicas ?? Math.min(3, brokers.length)
      await admin.createTopics({
        waitForLeaders: true,
        topics: [
          {
            topic,
            numPartitions: create.partitions,
            replicationFactor: replicas,
            configEntries: [
              // Room for what a batch adds around the largest message.
              { name: 'max.message.bytes', value: String(maxMessageBytes + 1_024) },
              // With acks=all: what was acknowledged survives the loss of a broker.
              { name: 'min.insync.replicas', value: String(Math.min(2, replicas)) },
            ],
          },
        ],
      })
    })
  }

  /** @throws what the broker said, or an Error when the topic is not there. */
  async check(): Promise<void> {
    const { topic } = this.#settings
    const topics = await this.ask((admin) => admin.listTopics())
    if (!topics.includes(topic)) throw new Error(`Kafka has no topic "${topic}"`)
  }

  async close(): Promise<void> {
    await this.#admin?.then((admin) => admin.disconnect()).catch(() => {})
  }

  async #connect(): Promise<Admin> {
    const admin = this.#kafka.admin({ retry: { initialRetryTime: 50, retries: 5 } })
    await admin.connect()
    return admin
  }
}
