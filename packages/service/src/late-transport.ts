import type { Subscription, SubscriptionRequest, Transport, WireMessage } from '@banyan/bus'

/**
 * A transport whose broker was away when it was to be opened: each use opens it, until one succeeds.
 * What is published waits in the outbox meanwhile, and the bus subscribes again by itself.
 */
export class LateTransport implements Transport {
  readonly name: string
  readonly #open: () => Promise<Transport>
  #opening: Promise<Transport> | null = null
  #closed = false

  constructor(name: string, open: () => Promise<Transport>) {
    this.name = name
    this.#open = open
  }

  async publish(messages: readonly WireMessage[]): Promise<void> {
    await (await this.#opened()).publish(messages)
  }

  async subscribe(
    subscription: SubscriptionRequest,
    deliver: (message: WireMessage) => Promise<void>,
  ): Promise<Subscription> {
    return (await this.#opened()).subscribe(subscription, deliver)
  }

  async backlog(group: string): Promise<number> {
    return (await this.#opened()).backlog(group)
  }

  async check(): Promise<void> {
    await (await this.#opened()).check()
  }

  async close(): Promise<void> {
    this.#closed = true
    const transport = await this.#opening?.catch(() => null)
    await transport?.close()
  }

  #opened(): Promise<Transport> {
    if (this.#closed) return Promise.reject(new Error(`the ${this.name} transport is closed`))
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = null
      throw error
    })
    return this.#opening
  }
}
