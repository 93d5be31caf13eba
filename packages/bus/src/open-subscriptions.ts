import type { Subscription } from './transport.ts'

/** The subscriptions a transport has open: each leaves when it is closed, all are closed with the transport. */
export class OpenSubscriptions<T extends Subscription> {
  readonly #open = new Set<T>()

  /** @returns what the subscriber closes. */
  add(subscription: T): Subscription {
    this.#open.add(subscription)
    return {
      close: async () => {
        await subscription.close()
        this.#open.delete(subscription)
      },
    }
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#open.values()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((subscription) => subscription.close()))
  }
}
