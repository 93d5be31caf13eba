import { Lru } from '@banyan/contracts'

/** What a rule says to one request. */
export interface Verdict {
  readonly allowed: boolean
  /** How many more would pass now. */
  readonly remaining: number
  /** Until all of them would pass again, ms. */
  readonly resetMs: number
  /** Until one would pass, ms; 0 when this one did. */
  readonly retryMs: number
}

/**
 * The generic cell rate algorithm (ITU-T I.371): of each caller one time is kept, the one at which its
 * bucket would be empty. Nothing has to run to fill it, and no window has an edge to be used twice.
 */
export class CellRate {
  readonly #intervalMs: number
  readonly #burst: number
  /** When it is empty, by caller. Who was not seen longest is forgotten: most likely it was empty by then. */
  readonly #emptyAt: Lru<number>

  constructor(requests: number, seconds: number, burst: number, callers: number) {
    this.#intervalMs = (seconds * 1000) / requests
    this.#burst = burst
    this.#emptyAt = new Lru(callers)
  }

  /** Counts a request at `now`, ms on a monotonic clock, unless it is refused. */
  take(caller: string, now: number): Verdict {
    const emptyAt = Math.max(this.#emptyAt.get(caller) ?? now, now)
    const after = emptyAt + this.#intervalMs
    const ahead = after - now
    const depth = this.#burst * this.#intervalMs
    // Sums of fractions: a hair too much is not too much.
    const allowed = ahead <= depth + 1e-6
    const filled = allowed ? ahead : emptyAt - now
    if (allowed) this.#emptyAt.set(caller, after)
    return {
      allowed,
      remaining: Math.max(0, Math.floor((depth - filled) / this.#intervalMs + 1e-6)),
      resetMs: filled,
      retryMs: allowed ? 0 : ahead - depth,
    }
  }
}
