import { type ChannelModel, connect } from 'amqplib'
import { closed } from './closed.ts'
import type { Settled } from './settings.ts'

/** How long the broker may take to accept a connection, ms. */
const CONNECT_TIMEOUT_MS = 5_000

/** A connection to the broker that is made when it is needed, and made again after it broke. */
export class Link {
  readonly #url: string
  readonly #purpose: string
  readonly #address: string
  #model: Promise<ChannelModel> | null = null

  constructor({ url, heartbeatS }: Settled, purpose: string) {
    const parsed = new URL(url)
    this.#address = parsed.host
    if (!parsed.searchParams.has('heartbeat')) {
      parsed.searchParams.set('heartbeat', String(heartbeatS))
    }
    this.#url = parsed.href
    this.#purpose = purpose
  }

  /** @throws an Error with the broker's address (and no password) when it cannot be reached. */
  model(): Promise<ChannelModel> {
    this.#model ??= this.#connect()
    return this.#model
  }

  async close(): Promise<void> {
    const model = await this.#model?.catch(() => null)
    this.#model = null
    if (model) await closed(model)
  }

  async #connect(): Promise<ChannelModel> {
    try {
      const model = await connect(this.#url, {
        timeout: CONNECT_TIMEOUT_MS,
        clientProperties: { connection_name: `banyan ${this.#purpose}` },
      })
      // What broke is told to whoever waits for an answer; without a listener it would end the process.
      model.on('error', () => {})
      model.once('close', () => {
        this.#model = null
      })
      return model
    } catch (cause) {
      this.#model = null
      const reason = cause instanceof Error ? cause.message || cause.name : String(cause)
      throw new Error(`RabbitMQ at ${this.#address} cannot be reached: ${reason}`, { cause })
    }
  }
}
