import { type ExtractionStats, LATENCY_BOUNDS_MS } from '@banyan/contracts'
import { type Measures, since } from './gates.ts'
import { type Gateways, sumStats } from './gateways.ts'

const POLL_MS = 500
/**
 * After a handover the requests that were held reach the new owner all at once: how long they took
 * says nothing of it. Latencies count from this long after a step's begin, ms; errors from the begin.
 */
const BURST_MS = 1_500

/** What the gateways count for one extraction, and since when a step is judged. */
export class Measurements {
  readonly #gateways: Gateways
  readonly #name: string
  #total: ExtractionStats | null = null
  #base: ExtractionStats | null = null
  /** From where latencies count; null while the burst passes. */
  #timedBase: ExtractionStats | null = null
  #burstUntil = 0
  #polling = false
  #polledAt = 0

  constructor(gateways: Gateways, name: string) {
    this.#gateways = gateways
    this.#name = name
  }

  /** Asks the gateways anew when it is time, without waiting for them. */
  poll(): void {
    if (this.#polling || Date.now() - this.#polledAt < POLL_MS) return
    this.#polling = true
    this.#gateways
      .stats()
      .then((stats) => {
        this.#total = sumStats(stats, this.#name) ?? this.#total
      })
      .catch(() => {
        // The control database is away: the lease tells the engine; figures stay as they are.
      })
      .finally(() => {
        this.#polling = false
        this.#polledAt = Date.now()
      })
  }

  /** A step begins: what came before does not count for its gates. */
  rebase(): void {
    this.#base = this.#total
    this.#timedBase = null
    this.#burstUntil = Date.now() + BURST_MS
  }

  total(): ExtractionStats {
    return this.#total ?? nothing(this.#name)
  }

  measures(lags: readonly (number | null)[], divergent: number | null): Measures {
    const { source, target, shadow } = since(this.total(), this.#base)
    if (this.#polledAt > this.#burstUntil) this.#timedBase ??= this.#total
    const timed = this.#timedBase ? since(this.total(), this.#timedBase) : nothing(this.#name)
    const known = lags.filter((lag) => lag !== null)
    const lagMs = known.length === lags.length ? Math.max(...known) : null
    return {
      source: { ...source, latency: timed.source.latency },
      target: { ...target, latency: timed.target.latency },
      shadow,
      lagMs,
      divergent,
    }
  }
}

function nothing(extraction: string): ExtractionStats {
  const side = { requests: 0, errors: 0, latency: LATENCY_BOUNDS_MS.map(() => 0) }
  return {
    extraction,
    source: side,
    target: side,
    shadow: { compared: 0, differing: 0, dropped: 0, differences: [] },
    holds: { held: 0, released: 0, refused: 0, recentMs: [] },
    replayed: 0,
  }
}
