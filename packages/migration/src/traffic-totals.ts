import type { ExtractionStats, GatewayStats } from '@banyan/contracts'

/** Lengths of holds kept, as a gateway does. */
const RECENT = 1_000

/**
 * One extraction's counters over all gateways, which never fall: a gateway that is restarted counts from zero again, as do
 * its workers at every reload, and one that is gone tells nothing. What they had counted stays in the sum.
 */
export class TrafficTotals {
  readonly #extraction: string
  /** What each gateway told last. */
  readonly #last = new Map<string, ExtractionStats>()
  /** Of gateways that count from zero again. */
  #past: ExtractionStats | null = null

  constructor(extraction: string) {
    this.#extraction = extraction
  }

  /** Takes what the gateways that answer tell now. @returns the sum; null while none knows the extraction. */
  add(stats: readonly GatewayStats[]): ExtractionStats | null {
    for (const { gateway, extractions } of stats) {
      const now = extractions.find(({ extraction }) => extraction === this.#extraction)
      if (!now) continue
      const last = this.#last.get(gateway)
      if (last && isFewer(now, last)) this.#past = sum(this.#past, last)
      this.#last.set(gateway, now)
    }
    return [...this.#last.values()].reduce(sum, this.#past)
  }
}

function isFewer(now: ExtractionStats, last: ExtractionStats): boolean {
  return (
    now.source.requests < last.source.requests ||
    now.target.requests < last.target.requests ||
    now.shadow.compared < last.shadow.compared
  )
}

function sum(a: ExtractionStats | null, b: ExtractionStats): ExtractionStats {
  return a ? add(a, b) : b
}

function add(a: ExtractionStats, b: ExtractionStats): ExtractionStats {
  const side = (x: ExtractionStats['source'], y: ExtractionStats['source']) => ({
    requests: x.requests + y.requests,
    errors: x.errors + y.errors,
    latency: x.latency.map((count, i) => count + (y.latency[i] ?? 0)),
  })
  return {
    extraction: a.extraction,
    source: side(a.source, b.source),
    target: side(a.target, b.target),
    replayed: a.replayed + b.replayed,
    holds: {
      held: a.holds.held + b.holds.held,
      released: a.holds.released + b.holds.released,
      refused: a.holds.refused + b.holds.refused,
      recentMs: [...a.holds.recentMs, ...b.holds.recentMs].slice(-RECENT),
    },
    shadow: {
      compared: a.shadow.compared + b.shadow.compared,
      differing: a.shadow.differing + b.shadow.differing,
      dropped: a.shadow.dropped + b.shadow.dropped,
      differences: [...a.shadow.differences, ...b.shadow.differences].slice(0, 50),
    },
  }
}
