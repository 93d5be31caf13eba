import {
  type ExtractionStats,
  LATENCY_BOUNDS_MS,
  type ShadowStats,
  type SideStats,
} from '@banyan/contracts'

const RECENT = 1_000

/** One side's counters. */
class SideCounters {
  requests = 0
  errors = 0
  /** Not cumulative: the count of answers per interval; added up when asked for. */
  readonly #intervals = new Float64Array(LATENCY_BOUNDS_MS.length + 1)

  answered(status: number, ms: number): void {
    if (status >= 500) this.errors++
    let i = 0
    while (i < LATENCY_BOUNDS_MS.length && ms > LATENCY_BOUNDS_MS[i]!) i++
    this.#intervals[i]!++
  }

  /** Not even asked, since it fails: whoever judges the side must see it. */
  unserved(): void {
    this.requests++
    this.errors++
  }

  read(): SideStats {
    let sum = 0
    const latency = LATENCY_BOUNDS_MS.map((_, i) => {
      sum += this.#intervals[i]!
      return sum
    })
    return { requests: this.requests, errors: this.errors, latency }
  }
}

/** One extraction's counters since the gateway started; they outlive the table that named it. */
export class ExtractionCounters {
  readonly source = new SideCounters()
  readonly target = new SideCounters()
  held = 0
  released = 0
  refused = 0
  abandoned = 0
  replayed = 0
  readonly #recentMs: number[] = []

  heldFor(ms: number): void {
    this.#recentMs.push(Math.round(ms * 10) / 10)
    if (this.#recentMs.length > RECENT) this.#recentMs.shift()
  }

  read(extraction: string, shadow: ShadowStats): ExtractionStats {
    return {
      extraction,
      source: this.source.read(),
      target: this.target.read(),
      shadow,
      holds: {
        held: this.held,
        released: this.released,
        refused: this.refused,
        abandoned: this.abandoned,
        recentMs: [...this.#recentMs],
      },
      replayed: this.replayed,
    }
  }
}
