import { setTimeout as delay } from 'node:timers/promises'

/** A wait is taken in slices, so that a limit that changes meanwhile counts at once, ms. */
const SLICE_MS = 50

/** Lets rows through at a rate that may change at any time. */
export class Throttle {
  readonly #limit: () => number
  /** Rows let through that the rate has not made up for yet. */
  #debt = 0
  #at = performance.now()
  #waitedMs = 0

  /** @param limit rows/s at most, now; Infinity: no limit, 0: nothing goes through. */
  constructor(limit: () => number) {
    this.#limit = limit
  }

  /** How long was waited so far, ms. */
  get waitedMs(): number {
    return this.#waitedMs
  }

  /** Rows let through that are still to be made up for: the time they take is yet to come. */
  get debt(): number {
    this.#settle()
    return this.#debt
  }

  /** As many rows as a chunk should have at most: a slow copy goes on in small steps, ten a second. */
  chunk(rows: number): number {
    const limit = this.#limit()
    return Number.isFinite(limit) ? Math.max(1, Math.min(rows, Math.ceil(limit / 10))) : rows
  }

  /** Waits until rows may pass. @throws the signal's reason. */
  async ready(signal: AbortSignal | undefined): Promise<void> {
    const began = performance.now()
    for (;;) {
      const limit = this.#settle()
      if (limit > 0 && this.#debt === 0) break
      const ms = limit > 0 ? Math.min(SLICE_MS, (this.#debt / limit) * 1000) : SLICE_MS
      await delay(ms, undefined, signal ? { signal } : {})
    }
    this.#waitedMs += performance.now() - began
  }

  /** These rows went through. */
  passed(rows: number): void {
    this.#debt += rows
  }

  /** @returns the limit now. */
  #settle(): number {
    const limit = this.#limit()
    const now = performance.now()
    this.#debt = Math.max(0, this.#debt - ((now - this.#at) / 1000) * limit)
    this.#at = now
    // Infinity times no time at all is NaN.
    if (limit === Number.POSITIVE_INFINITY) this.#debt = 0
    return limit
  }
}
