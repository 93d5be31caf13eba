export interface RetryOptions {
  /** Waits before the second try, the third, …; 100, 200 and 400 ms by default. */
  readonly delaysMs: readonly number[]
  /** Retries that each call adds to what may be spent; 0.2 by default. */
  readonly share: number
  /** Retries that may be saved up, and that a client begins with; 3 by default. */
  readonly saved: number
}

export const RETRY_DEFAULTS: RetryOptions = { delaysMs: [100, 200, 400], share: 0.2, saved: 3 }

/**
 * Bounds retries by calls: attempts ≤ (1 + share) × calls + saved, whatever fails. Without it a service
 * in trouble is asked four times as much as one that is well.
 */
export class RetryBudget {
  readonly #options: RetryOptions
  #left: number

  constructor(options: RetryOptions) {
    this.#options = options
    this.#left = options.saved
  }

  /** Notes one more call. */
  earn(): void {
    this.#left = Math.min(this.#left + this.#options.share, this.#options.saved)
  }

  /** Whether one retry may be made; it is then spent. */
  spend(): boolean {
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}

/** Half of the wait is chance, so that callers which failed together do not come back together. */
export function withJitter(delayMs: number, random: () => number): number {
  return delayMs * (0.5 + random() / 2)
}
