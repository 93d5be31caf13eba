import type { RetryBudgetOptions } from '@banyan/contracts'

/** `share` is 0.2 by default, `saved` 3. */
export interface RetryOptions extends RetryBudgetOptions {
  /** Waits before the second try, the third, …; 100, 200 and 400 ms by default. */
  readonly delaysMs: readonly number[]
}

export const RETRY_DEFAULTS: RetryOptions = { delaysMs: [100, 200, 400], share: 0.2, saved: 3 }
