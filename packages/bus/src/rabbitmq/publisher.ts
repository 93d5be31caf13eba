import type { ConfirmChannel } from 'amqplib'
import type { WireMessage } from '../transport.ts'
import { Link } from './link.ts'
import type { Settled } from './settings.ts'
import { declareExchange, partitionOf, routingKey } from './topology.ts'
import { toProperties } from './wire.ts'

/** Sends batches on one channel, and so in order; a batch is done when the broker has confirmed each message. */
export class RabbitmqPublisher {
  readonly #settings: Settled
  /** Its own connection: a broker short of memory stops those that publish, and would stop consumers too. */
  readonly #link: Link
  readonly #publishing = new Set<Promise<void>>()
  #channel: Promise<ConfirmChannel> | null = null

  constructor(settings: Settled) {
    this.#settings = settings
    this.#link = new Link(settings, 'publisher')
  }

  async publish(messages: readonly WireMessage[]): Promise<void> {
    const publishing = this.#publish(messages)
    this.#publishing.add(publishing)
    try {
      await publishing
    } finally {
      this.#publishing.delete(publishing)
    }
  }

  /** @throws what the broker or the network said. */
  async check(): Promise<void> {
    await (await this.#open()).checkExchange(this.#settings.exchange)
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#publishing)
    await this.#link.close()
  }

  async #publish(messages: readonly WireMessage[]): Promise<void> {
    const { exchange, partitions, confirmTimeoutMs } = this.#settings
    const channel = await this.#open()
    const confirmed = Promise.all(
      messages.map((message) => {
        const key = routingKey(message.type, partitionOf(message.key, partitions))
        const body = Buffer.from(message.body)
        return new Promise<void>((resolve, reject) => {
          channel.publish(exchange, key, body, toProperties(message), (error: unknown) => {
            if (error) reject(refusal(message, error))
            else resolve()
          })
        })
      }),
    )
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const text = `RabbitMQ has not confirmed ${messages.length} messages in ${confirmTimeoutMs} ms; it may have blocked publishers for want of memory or disk`
        reject(new Error(text))
      }, confirmTimeoutMs)
    })
    try {
      await Promise.race([confirmed, late])
    } finally {
      clearTimeout(timer)
    }
  }

  #open(): Promise<ConfirmChannel> {
    this.#channel ??= this.#openChannel().catch((error) => {
      this.#channel = null
      throw error
    })
    return this.#channel
  }

  async #openChannel(): Promise<ConfirmChannel> {
    const model = await this.#link.model()
    const channel = await model.createConfirmChannel()
    channel.on('error', () => {})
    channel.once('close', () => {
      this.#channel = null
    })
    await declareExchange(channel, this.#settings)
    return channel
  }
}

function refusal({ id, type }: WireMessage, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new Error(`RabbitMQ did not take message ${id} of type "${type}": ${reason}`, { cause })
}
