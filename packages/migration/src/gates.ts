import type { ExtractionStats, SideStats } from '@banyan/contracts'
import { latencyQuantile } from './gateways.ts'
import type { ResolvedExtraction, ResolvedTables } from './plan.ts'
import type { GateFigure } from './status.ts'

/** What the gates are judged by, measured since the step began. */
export interface Measures {
  readonly source: SideStats
  readonly target: SideStats
  /** Of the target, the last `NOW_MS`. */
  readonly now: Pick<SideStats, 'requests' | 'errors'>
  /**
   * Cumulative latency histograms of the newest spans of `SPAN_MS` each, newest first; fewer than
   * `LASTING_SPANS` while less has been timed since the step began.
   */
  readonly spans: readonly Record<'source' | 'target', readonly number[]>[]
  readonly shadow: { readonly compared: number; readonly differing: number }
  /** Worst lag of the two streams, ms; null while unknown. */
  readonly lagMs: number | null
  /** Rows that differ, by the newest verify; null while none has run. */
  readonly divergent: number | null
}

export interface Judgement {
  readonly figures: readonly GateFigure[]
  /** Beyond a bound: the extraction rolls back. */
  readonly failed: readonly string[]
  /** Not enough known yet, or a passing condition to be waited out. */
  readonly waiting: readonly string[]
}

/** A ratio of two latencies below this says nothing about users, ms. */
const LATENCY_FLOOR_MS = 20
/** An error rate needs at least this many answers before it can fail a gate on its own. */
const MINIMUM_FOR_FAILURE = 20
/**
 * A step may be hours old: what breaks then would take as long to show in the rate since its begin. So what
 * the target answers now is held against the bound too, over this long, ms.
 */
export const NOW_MS = 2_000
/**
 * Answers of a service that is slow stay slow; those behind a handover or a pause of the machine do not. So a
 * p95 beyond its bound fails its gate when no span of so many has said otherwise, and is waited out before.
 */
export const SPAN_MS = 2_000
export const LASTING_SPANS = 3
/** The p95 of fewer answers is the slowest of them: a span with fewer says nothing. */
const SPAN_MINIMUM = 20
/** Where no span says anything the whole step must: by as many answers as the spans would have. */
const STEP_MINIMUM = LASTING_SPANS * SPAN_MINIMUM
/** Errors are no chance when so many are less probable than this at the bound: 4 of 4, 6 of 20, 11 of 100 at 1 %. */
const NO_CHANCE = 5e-7
/** A bound of none leaves it to the rate since the step began; here one error says nothing yet. */
const LOWEST_RATE = 0.001
/** A few answers that differ once users have moved can be their own writes, overtaken; so many are not. */
const MINIMUM_DIFFERING = 5

/** Collects what each gate says. */
class Verdicts {
  readonly failed: string[] = []
  readonly waiting: string[] = []
  readonly figures: GateFigure[] = []

  /** @param text what is said of a gate that does not hold. */
  add(figure: GateFigure, text = ''): void {
    this.figures.push(figure)
    if (figure.state === 'fails') this.failed.push(text)
    if (figure.state === 'waits') this.waiting.push(text)
  }
}

/** Judges a step while some users are on the target. */
export function judgeCanary(plan: ResolvedExtraction, measures: Measures): Judgement {
  const { gates } = plan
  const verdicts = new Verdicts()
  const { target, lagMs, divergent } = measures

  verdicts.add(
    {
      gate: 'requests at the service',
      measured: String(target.requests),
      required: `at least ${gates.minimumRequests}`,
      state: target.requests < gates.minimumRequests ? 'waits' : 'holds',
    },
    `${target.requests} of ${gates.minimumRequests} requests at the service`,
  )
  const errorRate = target.errors / Math.max(1, target.requests)
  const erring = errorRate > gates.errorRate && target.requests >= MINIMUM_FOR_FAILURE
  verdicts.add(
    {
      gate: 'error rate',
      measured: percent(errorRate),
      required: `at most ${percent(gates.errorRate)}`,
      state: erring ? 'fails' : 'holds',
    },
    `error rate ${percent(errorRate)} is above ${percent(gates.errorRate)}`,
  )
  addNow(verdicts, plan, measures.now)
  addLatency(verdicts, plan, measures)
  if (plan.kind === 'tables') addDivergence(verdicts, plan, divergent)
  const { compared, differing } = measures.shadow
  const differs = differing >= MINIMUM_DIFFERING && differing / compared > gates.shadowDifference
  addDifference(verdicts, plan, measures, differs ? 'fails' : 'holds')
  addLag(verdicts, plan, lagMs)
  return verdicts
}

/** Judges the shadow before the first user moves. */
export function judgeShadow(plan: ResolvedExtraction, measures: Measures): Judgement {
  const { compared, differing } = measures.shadow
  const { minimumCompared } = plan.shadow
  const verdicts = new Verdicts()
  const enough = compared >= minimumCompared
  verdicts.add(
    {
      gate: 'answers compared by the shadow',
      measured: String(compared),
      required: `at least ${minimumCompared}`,
      state: enough ? 'holds' : 'waits',
    },
    `${compared} of ${minimumCompared} answers compared by the shadow`,
  )
  const differs = enough && differing / compared > plan.gates.shadowDifference
  addDifference(verdicts, plan, measures, differs ? 'fails' : 'holds')
  addLag(verdicts, plan, measures.lagMs)
  return verdicts
}

function addNow(
  verdicts: Verdicts,
  { gates }: ResolvedExtraction,
  { requests, errors }: Measures['now'],
): void {
  const words = `of the last ${NOW_MS / 1000} s`
  const bound = percent(gates.errorRate)
  const rate = Math.max(LOWEST_RATE, gates.errorRate)
  verdicts.add(
    {
      gate: `errors ${words}`,
      measured: `${errors} of ${requests}`,
      required: `no more than chance allows at ${bound}`,
      state: beyondChance(errors, requests, rate) ? 'fails' : 'holds',
    },
    `${errors} of the ${requests} requests ${words} failed, more than chance allows at ${bound}`,
  )
}

/** By Chernoff's bound on the probability of `k` or more of `n`, where each has probability `rate`. */
function beyondChance(k: number, n: number, rate: number): boolean {
  const share = Math.min(1, k / n)
  if (!(share > rate)) return false
  const term = (part: number, of: number) => (part === 0 ? 0 : part * Math.log(part / of))
  const divergence = term(share, rate) + term(1 - share, 1 - rate)
  return Math.exp(-n * divergence) < NO_CHANCE
}

function addLatency(
  verdicts: Verdicts,
  { gates }: ResolvedExtraction,
  { source, target, spans }: Measures,
): void {
  const step = p95Of({ source: source.latency, target: target.latency }, gates.latencyRatio)
  const { mine, bound } = step
  // Fewer answers may be timed than counted: the burst right after a handover is not.
  const timed = target.latency.at(-1) ?? 0
  const few = target.requests >= gates.minimumRequests && timed < gates.minimumRequests
  const slow = step.slow && timed >= gates.minimumRequests
  const telling = spans.filter((span) => (span.target.at(-1) ?? 0) >= SPAN_MINIMUM)
  const known = telling.length > 0 || timed >= STEP_MINIMUM
  const lasts =
    known &&
    spans.length === LASTING_SPANS &&
    telling.every((span) => p95Of(span, gates.latencyRatio).slow)
  const told = `p95 of the service is ${mine} ms, allowed are ${bound} ms`
  verdicts.add(
    {
      gate: 'p95 of the service',
      measured: mine === null ? 'nothing timed yet' : `${mine} ms of ${timed} answers`,
      required: bound === null ? 'known once the monolith answers' : `at most ${bound} ms`,
      state: slow ? (lasts ? 'fails' : 'waits') : few ? 'waits' : 'holds',
    },
    slow
      ? lasts
        ? told
        : `${told}, unless it passes within ${known ? `${(LASTING_SPANS * SPAN_MS) / 1000} s` : `${STEP_MINIMUM} answers`}`
      : `${timed} of ${gates.minimumRequests} answers of the service to be timed`,
  )
}

/** The service's p95, ms, and what it may be beside the monolith's; null where nothing was timed. */
function p95Of(latency: Measures['spans'][number], ratio: number) {
  const mine = latencyQuantile(latency.target, 0.95)
  const theirs = latencyQuantile(latency.source, 0.95)
  const bound = theirs === null ? null : Math.max(LATENCY_FLOOR_MS, theirs * ratio)
  return { mine, bound, slow: mine !== null && bound !== null && mine > bound }
}

function addDivergence(
  verdicts: Verdicts,
  { gates }: ResolvedTables,
  divergent: number | null,
): void {
  verdicts.add(
    {
      gate: 'divergent rows',
      measured: divergent === null ? 'not compared yet' : String(divergent),
      required: `at most ${gates.divergentRows}`,
      state: divergent !== null && divergent > gates.divergentRows ? 'fails' : 'holds',
    },
    `${divergent} rows differ, allowed are ${gates.divergentRows}`,
  )
}

function addDifference(
  verdicts: Verdicts,
  plan: ResolvedExtraction,
  { shadow }: Measures,
  state: 'holds' | 'fails',
): void {
  const allowed = percent(plan.gates.shadowDifference)
  verdicts.add(
    {
      gate: 'shadow answers that differ',
      measured: `${shadow.differing} of ${shadow.compared}`,
      required: `at most ${allowed}`,
      state,
    },
    `${shadow.differing} of ${shadow.compared} shadow answers differ, allowed are ${allowed}`,
  )
}

/** Lag passes by itself: it is waited for, not rolled back for. */
function addLag(verdicts: Verdicts, plan: ResolvedExtraction, lagMs: number | null): void {
  if (plan.kind === 'routes' || plan.kind === 'objects') return
  const bound = plan.gates.lagMs
  const whose = plan.kind === 'index' ? 'the index' : 'both streams'
  verdicts.add(
    {
      gate: `lag of ${whose}`,
      measured: lagMs === null ? 'not measured yet' : `${Math.round(lagMs)} ms`,
      required: `at most ${bound} ms`,
      state: lagMs === null || lagMs > bound ? 'waits' : 'holds',
    },
    lagMs === null
      ? `the lag of ${whose} to be measured`
      : `lag ${lagMs} ms to fall below ${bound} ms`,
  )
}

/** What several judges say of one step. */
export function together(...judged: readonly (Judgement | null)[]): Judgement {
  const all = judged.filter((one) => one !== null)
  return {
    figures: all.flatMap((one) => one.figures),
    failed: all.flatMap((one) => one.failed),
    waiting: all.flatMap((one) => one.waiting),
  }
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
