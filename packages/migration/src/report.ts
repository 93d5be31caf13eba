import type { ExtractionStats, SideStats } from '@banyan/contracts'
import type { Link } from '@banyan/replication'
import { latencyQuantile } from './gateways.ts'
import { type Live, UNLIMITED } from './live.ts'
import type { ExtractionStatus, GateFigure, HandoverRecord } from './status.ts'
import type { ExtractionRow } from './store.ts'

export interface ReportInput {
  readonly row: ExtractionRow
  readonly live: Live | null
  readonly waitsFor: readonly string[]
  readonly gates: readonly GateFigure[]
  readonly handovers: readonly HandoverRecord[]
  readonly verify: ExtractionStatus['verify'] | null
  readonly stats: ExtractionStats
  /** What a rollback would not bring back. */
  readonly losses: readonly string[]
}

/** The figures of one extraction now. What only a running extraction can tell is kept from the last report. */
export async function buildStatus(input: ReportInput): Promise<ExtractionStatus> {
  const { row, live, handovers, verify, stats } = input
  const before = row.status ?? initialStatus(row)
  const lag = live
    ? [...live.forward.status().recentLagMs, ...live.reverse.status().recentLagMs]
    : []
  return {
    extraction: row.name,
    // Without the working parts the figures are those of the last time it had them.
    at: live ? new Date().toISOString() : before.at,
    phase: row.phase,
    phaseSince: row.phaseSince.toISOString(),
    paused: row.paused,
    pausedWhy: row.pausedWhy,
    percent: live ? Math.round((live.owned.size / 1024) * 1000) / 10 : before.percent,
    goal: row.goal,
    waitsFor: input.waitsFor,
    gates: input.gates,
    trouble: null,
    copy: copyFigures(live, before),
    streams: live
      ? { forward: streamFigures(live.forward), reverse: streamFigures(live.reverse) }
      : before.streams,
    lagMs: lag.length > 0 ? { p50: quantile(lag, 0.5), p99: quantile(lag, 0.99) } : before.lagMs,
    verify: verify ?? before.verify,
    shadow: stats.shadow,
    traffic: { source: trafficFigures(stats.source), target: trafficFigures(stats.target) },
    handovers,
    holdMs: holdFigures(handovers),
    ...(input.losses.length > 0 ? { losesOnRollback: input.losses } : {}),
    refusals: await refusals(live, before),
  }
}

/** The figures of an extraction no engine has looked at yet. */
export function initialStatus(row: ExtractionRow): ExtractionStatus {
  const side = { requests: 0, errors: 0, p50Ms: null, p95Ms: null }
  return {
    extraction: row.name,
    phase: row.phase,
    phaseSince: row.phaseSince.toISOString(),
    paused: row.paused,
    pausedWhy: row.pausedWhy,
    percent: 0,
    goal: row.goal,
    at: null,
    waitsFor: ['an engine (banyan serve)'],
    gates: [],
    trouble: null,
    copy: NO_COPY,
    streams: { forward: NO_STREAM, reverse: NO_STREAM },
    lagMs: { p50: 0, p99: 0 },
    verify: NO_VERIFY,
    shadow: { compared: 0, differing: 0, dropped: 0, differences: [] },
    traffic: { source: side, target: side },
    handovers: [],
    holdMs: { p50: 0, p99: 0 },
    refusals: { source: 0, target: 0 },
  }
}

const NO_VERIFY: ExtractionStatus['verify'] = {
  runs: 0,
  rows: 0,
  rowsPerSecond: 0,
  rowsInRun: null,
  divergent: 0,
  at: null,
  examples: [],
  divergentRows: [],
}

const NO_COPY = {
  rows: 0,
  total: 0,
  rowsPerSecond: 0,
  etaSeconds: null,
  done: false,
  throttle: UNLIMITED,
}

const NO_STREAM = {
  state: 'idle',
  lagMs: null,
  lagBytes: 0,
  keptBytes: 0,
  keptFor: null,
  transactions: 0,
  rows: 0,
  refusedRows: 0,
  position: null,
}

function copyFigures(live: Live | null, before: ExtractionStatus): ExtractionStatus['copy'] {
  const known = live && live.copy.total > 0
  if (!known) {
    return live ? { ...before.copy, throttle: live.throttle() } : before.copy
  }
  const { rows, total, rowsPerSecond, etaMs } = live.copy
  return {
    rows,
    total,
    rowsPerSecond: Math.round(rowsPerSecond),
    etaSeconds: etaMs === null ? null : Math.ceil(etaMs / 1000),
    done: live.copyDone,
    throttle: live.copyDone ? UNLIMITED : live.throttle(),
  }
}

function streamFigures(link: Link): ExtractionStatus['streams']['forward'] {
  const { state, lagMs, lagBytes, transactions, rows, refusedRows, keptBytes, keptFor, position } =
    link.status()
  return { state, lagMs, lagBytes, transactions, rows, refusedRows, keptBytes, keptFor, position }
}

function trafficFigures(side: SideStats): ExtractionStatus['traffic']['source'] {
  return {
    requests: side.requests,
    errors: side.errors,
    p50Ms: latencyQuantile(side.latency, 0.5),
    p95Ms: latencyQuantile(side.latency, 0.95),
  }
}

function holdFigures(handovers: readonly HandoverRecord[]): { p50: number; p99: number } {
  const holds = handovers.filter((one) => one.outcome === 'done').map((one) => one.holdMs)
  return holds.length > 0
    ? { p50: quantile(holds, 0.5), p99: quantile(holds, 0.99) }
    : { p50: 0, p99: 0 }
}

/** The smallest value that at least `share` of all values do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

async function refusals(
  live: Live | null,
  before: ExtractionStatus,
): Promise<ExtractionStatus['refusals']> {
  const known = before.refusals
  if (!live) return known
  const [source, target] = await Promise.all(
    [live.source, live.target].map((side) => side.refusals().catch(() => null)),
  )
  return { source: source ?? known.source, target: target ?? known.target }
}
