export interface BulkheadOptions {
  /** Calls at a time; 50 by default. */
  readonly concurrency: number
  /** Calls that wait for one of them to end; 100 by default. */
  readonly queue: number
}

export const BULKHEAD_DEFAULTS: BulkheadOptions = { concurrency: 50, queue: 100 }

/** Keeps what is slow, or dear, from taking a whole process: so many calls at a time, so many waiting. */
export class Bulkhead {
  readonly #options: BulkheadOptions
  readonly #waiting = new Set<() => void>()
  #running = 0

  constructor(options: Partial<BulkheadOptions>) {
    this.#options = { ...BULKHEAD_DEFAULTS, ...options }
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Resolves when there is room, in the order asked; `leave` must follow. False when the queue is full.
   * @throws the signal's reason when that aborts first.
   */
  async enter(signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted()
    if (this.#running < this.#options.concurrency) {
      this.#running++
      return true
    }
    if (this.#waiting.size >= this.#options.queue) return false
    await new Promise<void>((resolve, reject) => {
      const admit = () => {
        signal.removeEventListener('abort', give)
        resolve()
      }
      const give = () => {
        this.#waiting.delete(admit)
        reject(signal.reason)
      }
      this.#waiting.add(admit)
      signal.addEventListener('abort', give, { once: true })
    })
    return true
  }

  /** Hands the place to whom has waited longest. */
  leave(): void {
    const [next] = this.#waiting
    if (!next) {
      this.#running--
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
