import {
  BanyanError,
  type BreakerSetting,
  type BreakerStats,
  CircuitBreaker,
  type CircuitState,
  RetryBudget,
  type RetrySetting,
  type Settle,
} from '@banyan/contracts'

/** Answers that say that the one who gave them is in trouble, and not the one who asked. */
const STATUSES = [500, 502, 503, 504]

export interface GuardOptions {
  readonly breaker: BreakerSetting
  readonly retries: RetrySetting
  readonly now: () => number
  readonly onChange: (side: string, state: CircuitState) => void
}

/**
 * Keeps requests from a side that mostly fails. Each extraction has one for either side, and what matches no route one
 * of its own: a moved route that is broken must not take the rest of the monolith along. It refuses; it never sends
 * a request to the other side, since which side may take it is not its to say.
 */
export class UpstreamGuard {
  readonly side: string
  /** An answer's head that takes longer counts as failed, ms. */
  readonly slowMs: number
  readonly #breaker: CircuitBreaker | null
  readonly #budget: RetryBudget
  readonly #statuses: ReadonlySet<number>
  #opened = 0
  #refused = 0
  #retried = 0

  constructor(side: string, { breaker, retries, now, onChange }: GuardOptions) {
    const { failures = 0.5, windowMs = 10_000, leastRequests = 20, openMs = 1_000 } = breaker
    this.side = side
    this.slowMs = breaker.slowMs ?? Number.POSITIVE_INFINITY
    this.#statuses = new Set(breaker.statuses ?? STATUSES)
    this.#budget = new RetryBudget({ share: retries.share ?? 0.2, saved: retries.saved ?? 100 })
    if (failures === 'off') {
      this.#breaker = null
      return
    }
    const options = { failures, windowMs, leastCalls: leastRequests, openMs }
    this.#breaker = new CircuitBreaker(options, now, (state) => {
      if (state === 'open') this.#opened++
      onChange(side, state)
    })
  }

  /**
   * Lets a request through, or answers null: it must not be sent.
   *
   * @param again it was sent before, and earns no retry.
   */
  enter(again: boolean): Settle | null {
    const settle = this.#breaker ? this.#breaker.enter() : ignore
    if (!settle) this.#refused++
    else if (!again) this.#budget.earn()
    return settle
  }

  /** Forgets how the side has answered: somebody has decided that it shall be asked. */
  beginAnew(): void {
    this.#breaker?.reset()
  }

  isFailure(status: number): boolean {
    return this.#statuses.has(status)
  }

  /** Whether a read may be sent once more; it is then counted. */
  mayRetry(): boolean {
    const may = this.#budget.spend()
    if (may) this.#retried++
    return may
  }

  /** @param upstream what problems call it. */
  refusal(upstream: string): BanyanError {
    const { calls: requests, failed } = this.#counts
    return new BanyanError('UPSTREAM_AWAY', {
      ...{ upstream, failed, requests },
      waitMs: this.#breaker?.waitMs ?? 0,
    })
  }

  stats(): BreakerStats {
    const { calls: requests, failed } = this.#counts
    return {
      ...{ side: this.side, state: this.#breaker?.state ?? 'closed', requests, failed },
      ...{ opened: this.#opened, refused: this.#refused, retried: this.#retried },
    }
  }

  get #counts(): { calls: number; failed: number } {
    return this.#breaker?.counts ?? { calls: 0, failed: 0 }
  }
}

const ignore: Settle = () => {}
