import type { ExtractionStats, SideStats } from '@banyan/contracts'
import type { Cargo } from './cargo.ts'
import { latencyQuantile } from './gateways.ts'
import { UNLIMITED } from './live.ts'
import { quantile } from './quantile.ts'
import type { ExtractionStatus, GateFigure, HandoverRecord, Kind, RecentTraffic } from './status.ts'
import type { ExtractionRow } from './store.ts'

export interface ReportInput {
  readonly row: ExtractionRow
  readonly kind: Kind
  readonly cargo: Cargo
  readonly waitsFor: readonly string[]
  readonly gates: readonly GateFigure[]
  readonly handovers: readonly HandoverRecord[]
  readonly stats: ExtractionStats
  readonly recent: Record<'source' | 'target', RecentTraffic> | null
}

/** The figures of one extraction now. What only a running extraction can tell is kept from the last report. */
export async function buildStatus(input: ReportInput): Promise<ExtractionStatus> {
  const { row, kind, cargo, handovers, stats, recent } = input
  const before = row.status ?? initialStatus(row, kind)
  const { losesOnRollback, ...figures } = await cargo.figures(before)
  return {
    extraction: row.name,
    kind,
    phase: row.phase,
    phaseSince: row.phaseSince.toISOString(),
    paused: row.paused,
    pausedWhy: row.pausedWhy,
    goal: row.goal,
    waitsFor: input.waitsFor,
    gates: input.gates,
    trouble: null,
    ...figures,
    shadow: stats.shadow,
    traffic: {
      source: trafficFigures(stats.source, recent?.source),
      target: trafficFigures(stats.target, recent?.target),
    },
    handovers,
    holdMs: holdFigures(handovers),
    ...(losesOnRollback.length > 0 ? { losesOnRollback } : {}),
  }
}

/** The figures of an extraction no engine has looked at yet. */
export function initialStatus(row: ExtractionRow, kind: Kind): ExtractionStatus {
  const side = { requests: 0, errors: 0, p50Ms: null, p95Ms: null }
  return {
    extraction: row.name,
    kind,
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
    index: null,
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

function trafficFigures(
  side: SideStats,
  recent: RecentTraffic | undefined,
): ExtractionStatus['traffic']['source'] {
  return {
    requests: side.requests,
    errors: side.errors,
    p50Ms: latencyQuantile(side.latency, 0.5),
    p95Ms: latencyQuantile(side.latency, 0.95),
    ...(recent ? { recent } : {}),
  }
}

function holdFigures(handovers: readonly HandoverRecord[]): { p50: number; p99: number } {
  const holds = handovers.filter((one) => one.outcome === 'done').map((one) => one.holdMs)
  return holds.length > 0
    ? { p50: quantile(holds, 0.5), p99: quantile(holds, 0.99) }
    : { p50: 0, p99: 0 }
}
