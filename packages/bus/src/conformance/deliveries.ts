import type { WireMessage } from '../transport.ts'

/** What a group was given: every delivery as it began, and which of them were acknowledged. */
export class Deliveries {
  readonly begun: WireMessage[] = []
  readonly done: WireMessage[] = []
  #running = 0
  /** The most deliveries that ran at once. */
  most = 0
  /** A delivery that began while another of its key ran. */
  readonly overlaps: string[] = []
  readonly #keys = new Set<string>()

  /** A `deliver` that records, does `work`, and acknowledges unless it throws. */
  readonly with =
    (work: (message: WireMessage) => Promise<void> | void = () => {}) =>
    async (message: WireMessage): Promise<void> => {
      this.begun.push(message)
      if (this.#keys.has(message.key)) this.overlaps.push(message.key)
      this.#keys.add(message.key)
      this.most = Math.max(this.most, ++this.#running)
      try {
        await work(message)
        this.done.push(message)
      } finally {
        this.#running--
        this.#keys.delete(message.key)
      }
    }

  /** How many different messages were acknowledged. */
  get distinct(): number {
    return new Set(this.done.map(({ id }) => id)).size
  }

  get running(): number {
    return this.#running
  }
}

/** By key, the ids in the order they first appear. */
export function firsts(given: readonly WireMessage[]): Map<string, string[]> {
  const order = new Map<string, string[]>()
  const seen = new Set<string>()
  for (const { id, key } of given) {
    if (seen.has(id)) continue
    seen.add(id)
    const ids = order.get(key)
    if (ids) ids.push(id)
    else order.set(key, [id])
  }
  return order
}
