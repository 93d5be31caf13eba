import type { WireMessage } from './transport.ts'

/** A message in hand, with whatever its transport needs to acknowledge it. */
export interface InHand {
  readonly message: WireMessage
}

export interface KeyedDeliveriesOptions<T extends InHand> {
  readonly concurrency: number
  readonly deliver: (message: WireMessage) => Promise<void>
  /** Called once for each message whose delivery resolved. */
  readonly delivered: (item: T) => void
  /** Called with what stood behind a rejected message of the same key: it is no longer in hand. */
  readonly surrendered: (items: readonly T[]) => void
  /** Whether a delivery may begin now; when it answers false, `resume` must follow. */
  readonly mayBegin: () => boolean
}

/** The pause before a rejected message is delivered again, ms: doubled each time, up to the last. */
const PAUSE_MS = { first: 100, last: 5_000 }

/**
 * Delivers messages in hand: those of one key one at a time and in the order they were added, others
 * side by side. A rejected one is delivered again after a pause, in which its key alone stands still.
 */
export class KeyedDeliveries<T extends InHand> {
  readonly #options: KeyedDeliveriesOptions<T>
  /** By key; the first is the one that runs, pauses or is next. */
  readonly #queues = new Map<string, T[]>()
  readonly #ready = new Set<string>()
  readonly #running = new Set<T>()
  readonly #pauses = new Map<string, NodeJS.Timeout>()
  readonly #attempts = new Map<string, number>()
  #held = 0
  #stopped = false
  #idle = () => {}

  constructor(options: KeyedDeliveriesOptions<T>) {
    this.#options = options
  }

  /** How many messages are in hand: running, pausing and waiting. */
  get held(): number {
    return this.#held
  }

  /** Keys whose first message was rejected and is not yet delivered. */
  get blocked(): string[] {
    return [...this.#attempts.keys()]
  }

  get items(): T[] {
    return [...this.#queues.values()].flat()
  }

  isRunning(test: (item: T) => boolean): boolean {
    for (const item of this.#running) if (test(item)) return true
    return false
  }

  add(items: readonly T[]): void {
    for (const item of items) {
      const { key } = item.message
      const queue = this.#queues.get(key)
      if (queue) queue.push(item)
      else {
        this.#queues.set(key, [item])
        this.#ready.add(key)
      }
    }
    this.#held += items.length
    this.resume()
  }

  /** Takes out of the hand what has not begun. */
  drop(test: (item: T) => boolean): void {
    for (const [key, queue] of this.#queues) {
      const kept = queue.filter((item) => this.#running.has(item) || !test(item))
      if (kept.length === queue.length) continue
      this.#held -= queue.length - kept.length
      if (kept[0] !== queue[0]) this.#forget(key)
      if (kept.length > 0) this.#queues.set(key, kept)
      else {
        this.#queues.delete(key)
        this.#ready.delete(key)
      }
    }
  }

  /** Begins as many deliveries as may run. */
  resume(): void {
    while (!this.#stopped && this.#running.size < this.#options.concurrency) {
      const next = this.#ready.values().next()
      if (next.done || !this.#options.mayBegin()) return
      this.#ready.delete(next.value)
      void this.#run(next.value)
    }
  }

  /** Begins nothing more; resolves when nothing runs. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const pause of this.#pauses.values()) clearTimeout(pause)
    if (this.#running.size === 0) return
    await new Promise<void>((resolve) => {
      this.#idle = resolve
    })
  }

  async #run(key: string): Promise<void> {
    const item = this.#queues.get(key)![0]!
    this.#running.add(item)
    try {
      await this.#options.deliver(item.message)
      this.#running.delete(item)
      this.#done(key, item)
    } catch {
      this.#running.delete(item)
      this.#rejected(key)
    }
    if (this.#stopped && this.#running.size === 0) this.#idle()
    this.resume()
  }

  #done(key: string, item: T): void {
    const queue = this.#queues.get(key)!
    queue.shift()
    this.#held--
    this.#attempts.delete(key)
    if (queue.length > 0) this.#ready.add(key)
    else this.#queues.delete(key)
    this.#options.delivered(item)
  }

  #rejected(key: string): void {
    const behind = this.#queues.get(key)!.splice(1)
    this.#held -= behind.length
    const attempts = (this.#attempts.get(key) ?? 0) + 1
    this.#attempts.set(key, attempts)
    this.#options.surrendered(behind)
    if (this.#stopped) return
    const pause = setTimeout(
      () => {
        this.#pauses.delete(key)
        this.#ready.add(key)
        this.resume()
      },
      Math.min(PAUSE_MS.first * 2 ** (attempts - 1), PAUSE_MS.last),
    )
    this.#pauses.set(key, pause)
  }

  #forget(key: string): void {
    clearTimeout(this.#pauses.get(key))
    this.#pauses.delete(key)
    this.#attempts.delete(key)
    if (this.#queues.has(key)) this.#ready.add(key)
  }
}
