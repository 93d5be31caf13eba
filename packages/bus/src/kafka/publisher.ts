import { BanyanError } from '@banyan/contracts'
import { type Kafka, Partitioners, type Producer } from 'kafkajs'
import type { WireMessage } from '../transport.ts'
import type { Settled } from './settings.ts'
import { bytesOf, toRecord } from './wire.ts'

/**
 * The broker refuses the first request of a transaction for a few ms after the one before it, while it
 * writes the markers. kafkajs waits 300 ms then, if it is not told otherwise: 4 transactions a second.
 */
const RETRY = { initialRetryTime: 8, maxRetryTime: 500, retries: 10 }

/** Records in one request: what kafkajs encodes in one go holds the event loop up. */
const MAX_RECORDS = 500

/** Publishes batches, each as one transaction, one after the other. */
export class KafkaPublisher {
  readonly #kafka: Kafka
  readonly #settings: Settled
  #producer: Promise<Producer> | null = null
  #last: Promise<unknown> = Promise.resolve()
  #fenced: BanyanError | null = null

  constructor(kafka: Kafka, settings: Settled) {
    this.#kafka = kafka
    this.#settings = settings
  }

  /** @throws BanyanError PRODUCER_FENCED once another process has taken the name of the transactions. */
  check(): void {
    if (this.#fenced) throw this.#fenced
  }

  /** @throws BanyanError MESSAGE_TOO_LARGE before anything is sent; PRODUCER_FENCED. */
  publish(messages: readonly WireMessage[]): Promise<void> {
    const requests = this.#split(messages)
    const turn = this.#last.then(() => this.#transaction(requests))
    this.#last = turn.catch(() => {})
    return turn
  }

  async close(): Promise<void> {
    await this.#last
    await this.#drop()
  }

  async #transaction(requests: readonly WireMessage[][]): Promise<void> {
    this.check()
    try {
      this.#producer ??= this.#connect()
      const transaction = await (await this.#producer).transaction()
      for (const messages of requests) {
        await transaction.send({ topic: this.#settings.topic, messages: messages.map(toRecord) })
      }
      await transaction.commit()
    } catch (error) {
      // A producer that failed in the middle is not to be trusted. The next one has the same name, so
      // the broker aborts what this one left open before it begins.
      await this.#drop()
      if (this.#settings.named && isFenced(error)) {
        const { transactionalId } = this.#settings
        this.#fenced = new BanyanError('PRODUCER_FENCED', { transactionalId }, { cause: error })
        throw this.#fenced
      }
      throw error
    }
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      transactionalId: this.#settings.transactionalId,
      transactionTimeout: this.#settings.transactionTimeoutMs,
      allowAutoTopicCreation: false,
      // As the Java client places keys, so that others' producers and consumers agree with ours.
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: RETRY,
    })
    await producer.connect()
    return producer
  }

  async #drop(): Promise<void> {
    const producer = this.#producer
    this.#producer = null
    await producer?.then((one) => one.disconnect()).catch(() => {})
  }

  /** Requests below the size that the broker takes for one batch of a partition, in order. */
  #split(messages: readonly WireMessage[]): WireMessage[][] {
    const limit = this.#settings.maxMessageBytes
    const requests: WireMessage[][] = []
    let bytes = Number.POSITIVE_INFINITY
    for (const message of messages) {
      const size = bytesOf(message)
      if (size > limit) {
        const { id, type } = message
        throw new BanyanError('MESSAGE_TOO_LARGE', { id, type, bytes: size, limit })
      }
      bytes += size
      if (bytes > limit || requests.at(-1)!.length === MAX_RECORDS) {
        requests.push([])
        bytes = size
      }
      requests.at(-1)!.push(message)
    }
    return requests
  }
}

function isFenced(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ((at as { type?: string }).type === 'INVALID_PRODUCER_EPOCH') return true
  }
  return false
}
