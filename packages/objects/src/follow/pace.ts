import { setTimeout as delay } from 'node:timers/promises'

/** What was not used is kept for so long, ms: parts come in bursts. */
const BURST_MS = 250
/** A limit may be changed while it is waited for, ms. */
const LOOK_MS = 100

interface Clock {
  now(): number
  sleep(ms: number, signal: AbortSignal): Promise<unknown>
}

const CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
}

/** Lets so many bytes a second pass, of all who share it; Infinity is no limit, 0 stands still. */
export class Pace {
  readonly #limit: () => number
  readonly #clock: Clock
  #left = 0
  #at: number

  constructor(limit: () => number, clock: Clock = CLOCK) {
    this.#limit = limit
    this.#clock = clock
    this.#at = clock.now()
  }

  /** Resolves when they may pass; a part larger than a second's share is paid for by those after it. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      const limit = this.#limit()
      if (limit === Number.POSITIVE_INFINITY) return
      const now = this.#clock.now()
      const gained = ((now - this.#at) / 1000) * limit
      this.#left = Math.min((limit * BURST_MS) / 1000, this.#left + gained)
      this.#at = now
      if (limit > 0 && this.#left >= 0) {
        this.#left -= bytes
        return
      }
      const debtMs = limit > 0 ? (-this.#left / limit) * 1000 : LOOK_MS
      await this.#clock.sleep(Math.min(LOOK_MS, Math.ceil(debtMs)), signal)
    }
  }
}
