export interface RetryBudgetOptions {
  /** Retries that each call adds to what may be spent. */
  readonly share: number
  /** Retries that may be saved up, and that one begins with. */
  readonly saved: number
}

/**
 * Bounds retries by calls: attempts ≤ (1 + share) × calls + saved, whatever fails. Without it a service
 * in trouble is asked several times as much as one that is well.
 */
export class RetryBudget {
  readonly #options: RetryBudgetOptions
  #left: number

  constructor(options: RetryBudgetOptions) {
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
