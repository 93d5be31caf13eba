/** A request that waits for a handover to end. */
export interface Held {
  /** Memory the gateway keeps for it while it waits. */
  readonly bytes: number
  /** When it was first held, on the gateway's clock, ms. */
  readonly since: number
  /** How long it may wait from then on. Asked at each table: a hold may follow on another. */
  budgetMs(): number
  /** Whether the newest table still holds it. */
  isHeld(): boolean
  /** Route it by the newest table. */
  release(): void
  /** Its budget is over: it is answered 503 and never forwarded. */
  expire(): void
}

/** Requests that wait, first come first released, bounded in number and bytes. */
export class HoldQueue {
  readonly #held = new Map<Held, NodeJS.Timeout>()
  readonly #limits: { readonly requests: number; readonly bytes: number }
  readonly #now: () => number
  #bytes = 0

  constructor(limits: { requests: number; bytes: number }, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  get size(): number {
    return this.#held.size
  }

  /** @returns false when the queue is full. */
  add(held: Held): boolean {
    if (this.#held.size >= this.#limits.requests) return false
    if (this.#bytes + held.bytes > this.#limits.bytes) return false
    this.#bytes += held.bytes
    this.#held.set(held, this.#timer(held))
    return true
  }

  /** Takes a request out whose client has left; false when it is not waiting. */
  remove(held: Held): boolean {
    const timer = this.#held.get(held)
    if (!timer) return false
    clearTimeout(timer)
    this.#held.delete(held)
    this.#bytes -= held.bytes
    return true
  }

  /** A new table: lets go of whatever it no longer holds. */
  review(): void {
    for (const [held, timer] of [...this.#held]) {
      if (held.isHeld()) {
        clearTimeout(timer)
        this.#held.set(held, this.#timer(held))
      } else if (this.remove(held)) held.release()
    }
  }

  #timer(held: Held): NodeJS.Timeout {
    const left = held.since + held.budgetMs() - this.#now()
    return setTimeout(() => this.remove(held) && held.expire(), Math.max(0, left))
  }
}
