import type { ExtractionStats, SideStats } from '@banyan/contracts'
import { latencyQuantile } from './gateways.ts'
import type { ResolvedExtraction } from './plan.ts'

/** What the gates are judged by, measured since the step began. */
export interface Measures {
  readonly source: SideStats
  readonly target: SideStats
  readonly shadow: { readonly compared: number; readonly differing: number }
  /** Worst lag of the two streams, ms; null while unknown. */
  readonly lagMs: number | null
  /** Rows that differ, by the newest verify; null while none has run. */
  readonly divergent: number | null
}

export interface Judgement {
  /** Beyond a bound: the extraction rolls back. */
  readonly failed: readonly string[]
  /** Not enough known yet, or a passing condition to be waited out. */
  readonly waiting: readonly string[]
}

/** A ratio of two latencies below this says nothing about users, ms. */
const LATENCY_FLOOR_MS = 20
/** An error rate needs at least this many answers before it can fail a gate on its own. */
const MINIMUM_FOR_FAILURE = 20
/** A few answers that differ once users have moved can be their own writes, overtaken; so many are not. */
const MINIMUM_DIFFERING = 5

/** Judges a step while some users are on the target. */
export function judgeCanary(plan: ResolvedExtraction, measures: Measures): Judgement {
  const { gates } = plan
  const failed: string[] = []
  const waiting: string[] = []
  const { target, source, lagMs, divergent } = measures

  if (target.requests < gates.minimumRequests) {
    waiting.push(`${target.requests} of ${gates.minimumRequests} requests at the service`)
  }
  const errorRate = target.errors / Math.max(1, target.requests)
  if (errorRate > gates.errorRate && target.requests >= MINIMUM_FOR_FAILURE) {
    failed.push(`error rate ${percent(errorRate)} is above ${percent(gates.errorRate)}`)
  }
  const [mine, theirs] = [
    latencyQuantile(target.latency, 0.95),
    latencyQuantile(source.latency, 0.95),
  ]
  // Fewer answers may be timed than counted: the burst right after a handover is not.
  const timed = target.latency.at(-1) ?? 0
  if (target.requests >= gates.minimumRequests && timed < gates.minimumRequests) {
    waiting.push(`${timed} of ${gates.minimumRequests} answers of the service to be timed`)
  }
  if (mine !== null && theirs !== null && timed >= gates.minimumRequests) {
    const bound = Math.max(LATENCY_FLOOR_MS, theirs * gates.latencyRatio)
    if (mine > bound) failed.push(`p95 of the service is ${mine} ms, allowed are ${bound} ms`)
  }
  if (divergent !== null && divergent > gates.divergentRows) {
    failed.push(`${divergent} rows differ, allowed are ${gates.divergentRows}`)
  }
  const { compared, differing } = measures.shadow
  if (differing >= MINIMUM_DIFFERING && differing / compared > gates.shadowDifference) {
    failed.push(describeDifference(plan, measures))
  }
  waiting.push(...judgeLag(plan, lagMs))
  return { failed, waiting }
}

/** Judges the shadow before the first user moves. */
export function judgeShadow(plan: ResolvedExtraction, measures: Measures): Judgement {
  const { compared, differing } = measures.shadow
  const { minimumCompared } = plan.shadow
  const failed: string[] = []
  const waiting: string[] = []
  if (compared < minimumCompared) {
    waiting.push(`${compared} of ${minimumCompared} answers compared by the shadow`)
  } else if (differing / compared > plan.gates.shadowDifference) {
    failed.push(describeDifference(plan, measures))
  }
  waiting.push(...judgeLag(plan, measures.lagMs))
  return { failed, waiting }
}

function describeDifference(plan: ResolvedExtraction, { shadow }: Measures): string {
  const allowed = percent(plan.gates.shadowDifference)
  return `${shadow.differing} of ${shadow.compared} shadow answers differ, allowed are ${allowed}`
}

/** Lag passes by itself: it is waited for, not rolled back for. */
function judgeLag(plan: ResolvedExtraction, lagMs: number | null): string[] {
  if (lagMs === null) return ['the lag of both streams to be measured']
  return lagMs > plan.gates.lagMs ? [`lag ${lagMs} ms to fall below ${plan.gates.lagMs} ms`] : []
}

/** Counters since a base; a gateway that was restarted counts from zero again. */
export function since(now: ExtractionStats, base: ExtractionStats | null): ExtractionStats {
  if (
    !base ||
    now.source.requests < base.source.requests ||
    now.target.requests < base.target.requests
  ) {
    return now
  }
  const side = (a: SideStats, b: SideStats): SideStats => ({
    requests: a.requests - b.requests,
    errors: a.errors - b.errors,
    latency: a.latency.map((count, i) => count - (b.latency[i] ?? 0)),
  })
  return {
    ...now,
    source: side(now.source, base.source),
    target: side(now.target, base.target),
    shadow: {
      ...now.shadow,
      compared: Math.max(0, now.shadow.compared - base.shadow.compared),
      differing: Math.max(0, now.shadow.differing - base.shadow.differing),
    },
  }
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`
}
