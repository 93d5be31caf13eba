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

/** What is kept of a caller; looked up once for a request, and changed where it is. */
interface Cell {
  emptyAt: number
}

/**
 * The generic cell rate algorithm (ITU-T I.371): of each caller one time is kept, the one at which its
 * bucket would be empty. Nothing has to run to fill it, and no window has an edge to be used twice.
 */
export class CellRate {
  /** Between two requests, evenly spread, ms. */
  readonly intervalMs: number
  /** How far ahead of now a bucket may be empty, ms. */
  readonly depthMs: number
  /** When it is empty, by caller. Who was not seen longest is forgotten: most likely it was empty by then. */
  readonly #cells: Lru<Cell>

  constructor(requests: number, seconds: number, burst: number, callers: number) {
    this.intervalMs = (seconds * 1000) / requests
    this.depthMs = burst * this.intervalMs
    this.#cells = new Lru(callers)
  }

  /**
   * Counts a request at `now`, ms on a monotonic clock, unless it is refused.
   *
   * @param sharers so many count without knowing of each other, and each lets its share pass. Depths are times, so
   *   that what is left of a burst is divided with the rate.
   */
  take(caller: string, now: number, sharers = 1): Verdict {
    const intervalMs = this.intervalMs * sharers
    // One request at least must fit.
    const depthMs = Math.max(this.depthMs, intervalMs)
    const cell = this.#cells.get(caller)
    const { allowed, emptyAt } = filled(cell?.emptyAt, now, intervalMs, depthMs)
    if (allowed) {
      if (cell) cell.emptyAt = emptyAt
      else this.#cells.set(caller, { emptyAt })
    }
    return verdictOf(allowed, emptyAt - now, intervalMs, depthMs)
  }

  /** How far ahead of now the caller's bucket is empty by what is known here, ms. */
  aheadMs(caller: string, now: number): number {
    return Math.max(0, (this.#cells.get(caller)?.emptyAt ?? now) - now)
  }

  /** Takes over what was counted elsewhere. */
  note(caller: string, allowed: boolean, aheadMs: number, now: number): Verdict {
    this.#cells.set(caller, { emptyAt: now + aheadMs })
    return verdictOf(allowed, aheadMs, this.intervalMs, this.depthMs)
  }
}

/** Puts one more request into a bucket that is empty at `before`; where it does not fit, nothing changes. */
export function filled(
  before: number | undefined,
  now: number,
  intervalMs: number,
  depthMs: number,
): { readonly allowed: boolean; readonly emptyAt: number } {
  const emptyAt = Math.max(before ?? now, now)
  const after = emptyAt + intervalMs
  // Sums of fractions: a hair too much is not too much.
  const allowed = after - now <= depthMs + 1e-6
  return { allowed, emptyAt: allowed ? after : emptyAt }
}

function verdictOf(
  allowed: boolean,
  filledMs: number,
  intervalMs: number,
  depthMs: number,
): Verdict {
  return {
    allowed,
    remaining: Math.max(0, Math.floor((depthMs - filledMs) / intervalMs + 1e-6)),
    resetMs: filledMs,
    retryMs: allowed ? 0 : filledMs + intervalMs - depthMs,
  }
}
