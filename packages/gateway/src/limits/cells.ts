import { Lru } from '@banyan/contracts'
import { filled } from './cell-rate.ts'
import type { Claim, Counted } from './rate-counter.ts'

/** What the workers of one gateway count together: in their primary, where each claim is judged after the other. */
export class Cells {
  /** When a caller's bucket is empty, by rule and caller. Times, so that a rule that changes keeps what was counted. */
  readonly #rules = new Map<string, Lru<number>>()

  /**
   * Counts the claims of one request in their order, up to the first that is refused.
   *
   * @param callers kept of each rule; who was not seen longest is forgotten.
   * @param now ms on a monotonic clock.
   */
  count(claims: readonly Claim[], callers: number, now: number): Counted[] {
    const counted: Counted[] = []
    for (const { rule, caller, intervalMs, depthMs } of claims) {
      let cells = this.#rules.get(rule)
      if (!cells) {
        cells = new Lru(callers)
        this.#rules.set(rule, cells)
      }
      const { allowed, emptyAt } = filled(cells.get(caller), now, intervalMs, depthMs)
      if (allowed) cells.set(caller, emptyAt)
      counted.push({ allowed, aheadMs: emptyAt - now })
      if (!allowed) break
    }
    return counted
  }

  /** Forgets the rules that there are no more. */
  keepOnly(rules: readonly string[]): void {
    const kept = new Set(rules)
    for (const rule of this.#rules.keys()) if (!kept.has(rule)) this.#rules.delete(rule)
  }
}
