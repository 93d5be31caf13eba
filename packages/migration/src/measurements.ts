import { type ExtractionStats, LATENCY_BOUNDS_MS, type SideStats } from '@banyan/contracts'
import { LASTING_SPANS, type Measures, NOW_MS, SPAN_MS, since } from './gates.ts'
import { type Gateways, latencyQuantile } from './gateways.ts'
import type { RecentTraffic } from './status.ts'
import { TrafficTotals } from './traffic-totals.ts'

const POLL_MS = 500
/** While users are on the target: whoever is to be brought back within 2 s of a fault must first hear of it. */
const POLL_WATCHED_MS = 200
/**
 * After a handover the requests that were held reach the new owner all at once: how long they took
 * says nothing of it. Latencies count from this long after a step's begin, ms; errors from the begin.
 */
const BURST_MS = 1_500
/**
 * A gateway asks again for up to 2 s whether answers still differ, and counts then: what it counts within
 * this time after the other side has caught up may tell of the lag, ms.
 */
const SHADOW_SETTLES_MS = 2_500
/** What is told as the traffic now, is that of so long, ms. */
const RECENT_MS = 10_000
/** An engine that has not come by for so long stood still, and has applied nothing meanwhile, ms. */
const STOOD_STILL_MS = 1_000

interface Counted {
  readonly at: number
  readonly total: ExtractionStats
}

/** What the gateways count for one extraction, and since when a step is judged. */
export class Measurements {
  readonly #gateways: Gateways
  readonly #name: string
  readonly #totals: TrafficTotals
  #total: ExtractionStats | null = null
  /** Totals of the last 10 s, oldest first. */
  #recent: Counted[] = []
  #base: ExtractionStats | null = null
  /** From where latencies count; null while the burst passes. */
  #timedBase: Counted | null = null
  /** From where the shadow's comparisons count. */
  #shadowBase: ExtractionStats | null = null
  /** Since when the other side is in step; null while it is not, as after a time without an engine. */
  #caughtUpAt: number | null = null
  #burstUntil = 0
  /** When the step began. */
  #begunAt = 0
  #lookedAt = 0
  /** What is asked of the gateways now. */
  #asking: Promise<void> | null = null
  #polledAt = 0

  constructor(gateways: Gateways, name: string) {
    this.#gateways = gateways
    this.#name = name
    this.#totals = new TrafficTotals(name)
  }

  /**
   * Asks the gateways anew when it is time, without waiting for them.
   *
   * @param inStep whether the shadow's comparisons tell of the answers now, not of the lag
   * @param watched whether users are on the target
   */
  poll(inStep: boolean, watched: boolean): void {
    const stoodStill = Date.now() - this.#lookedAt > STOOD_STILL_MS
    this.#lookedAt = Date.now()
    this.#caughtUpAt = stoodStill || !inStep ? null : (this.#caughtUpAt ?? Date.now())
    const every = watched ? POLL_WATCHED_MS : POLL_MS
    if (this.#asking || Date.now() - this.#polledAt < every) return
    void this.#ask()
  }

  /**
   * Asks the gateways, and waits for it: what they have counted until now is known then. Else what failed before the users
   * were taken back, and was not told yet, would be counted against a step that begins right after.
   */
  async refresh(): Promise<void> {
    await this.#asking
    await this.#ask()
  }

  #ask(): Promise<void> {
    this.#asking = this.#gateways
      .stats()
      .then((stats) => {
        const total = this.#totals.add(stats)
        if (!total) return
        // What was counted before this engine came was another's to judge.
        if (!this.#total) this.#base = total
        this.#total = total
        const at = Date.now()
        this.#recent = [...this.#recent.filter((one) => at - one.at <= RECENT_MS), { at, total }]
        if (!this.#shadowCounts) this.#shadowBase = total
      })
      .catch(() => {
        // The control database is away: the lease tells the engine; figures stay as they are.
      })
      .finally(() => {
        this.#asking = null
        this.#polledAt = Date.now()
      })
    return this.#asking
  }

  get #shadowCounts(): boolean {
    return this.#caughtUpAt !== null && Date.now() >= this.#caughtUpAt + SHADOW_SETTLES_MS
  }

  /** A step begins: what came before does not count for its gates. */
  rebase(): void {
    this.#base = this.#total
    this.#timedBase = null
    this.#shadowBase = this.#total
    this.#begunAt = Date.now()
    this.#burstUntil = this.#begunAt + BURST_MS
  }

  total(): ExtractionStats {
    return this.#total ?? nothing(this.#name)
  }

  /** The traffic of the last 10 s; null where it was not counted. */
  recent(): Record<'source' | 'target', RecentTraffic> | null {
    const [first, last] = [this.#recent[0], this.#recent.at(-1)]
    if (!first || !last || first === last || Date.now() - last.at > RECENT_MS) return null
    const counted = since(last.total, first.total)
    const seconds = (last.at - first.at) / 1000
    return {
      source: recentOf(counted.source, seconds),
      target: recentOf(counted.target, seconds),
    }
  }

  /** The target's traffic of the last `NOW_MS`, or since the step began where that is less. */
  #now(): Measures['now'] {
    const last = this.#recent.at(-1)
    const from = Math.max(this.#begunAt, Date.now() - NOW_MS)
    // The newest that was counted before then, or the base where the step has just begun.
    const before = this.#recent.findLast(({ at }) => at <= from)
    if (!last || !before || last.at <= from) return { requests: 0, errors: 0 }
    const { requests, errors } = since(last.total, before.total).target
    return { requests, errors }
  }

  /** The latencies of the newest spans, as far as they lie behind the burst. */
  #spans(): Measures['spans'] {
    const last = this.#recent.at(-1)
    const base = this.#timedBase
    if (!last || !base) return []
    const marks = [last]
    for (let span = 1; span <= LASTING_SPANS; span += 1) {
      const at = last.at - span * SPAN_MS
      const mark = this.#recent.findLast((one) => one.at <= at)
      if (!mark || mark.at < base.at) break
      marks.push(mark)
    }
    return marks.slice(1).map((from, i) => {
      const { source, target } = since(marks[i]!.total, from.total)
      return { source: source.latency, target: target.latency }
    })
  }

  measures(lags: readonly (number | null)[], divergent: number | null): Measures {
    const { source, target } = since(this.total(), this.#base)
    const { shadow } = since(this.total(), this.#shadowBase)
    if (this.#polledAt > this.#burstUntil) this.#timedBase ??= this.#recent.at(-1) ?? null
    const timed = this.#timedBase ? since(this.total(), this.#timedBase.total) : nothing(this.#name)
    const known = lags.filter((lag) => lag !== null)
    const lagMs = lags.length > 0 && known.length === lags.length ? Math.max(...known) : null
    return {
      source: { ...source, latency: timed.source.latency },
      target: { ...target, latency: timed.target.latency },
      now: this.#now(),
      spans: this.#spans(),
      shadow,
      lagMs,
      divergent,
    }
  }
}

function recentOf({ requests, errors, latency }: SideStats, seconds: number): RecentTraffic {
  const perSecond = (count: number) => Math.round((count / seconds) * 10) / 10
  return {
    requestsPerSecond: perSecond(requests),
    errorsPerSecond: perSecond(errors),
    p50Ms: latencyQuantile(latency, 0.5),
    p95Ms: latencyQuantile(latency, 0.95),
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
