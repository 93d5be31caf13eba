import type { Link } from '@banyan/replication'
import { type CargoFigures, percentOf } from './cargo.ts'
import { type Live, UNLIMITED } from './live.ts'
import { quantile } from './quantile.ts'
import type { ExtractionStatus } from './status.ts'

/** The figures of rows that move. Without the working parts they are those of the last time it had them. */
export async function tablesFigures(
  live: Live | null,
  before: ExtractionStatus,
): Promise<Omit<CargoFigures, 'verify' | 'losesOnRollback'>> {
  const { at, percent, streams, lagMs, refusals, index } = before
  if (!live) return { at, percent, copy: before.copy, streams, lagMs, refusals, index }
  const lag = [...live.forward.status().recentLagMs, ...live.reverse.status().recentLagMs]
  return {
    at: new Date().toISOString(),
    percent: percentOf(live.owned),
    copy: copyFigures(live, before),
    streams: { forward: streamFigures(live.forward), reverse: streamFigures(live.reverse) },
    lagMs: lag.length > 0 ? { p50: quantile(lag, 0.5), p99: quantile(lag, 0.99) } : lagMs,
    refusals: await refusalsOf(live, refusals),
    index,
  }
}

function copyFigures(live: Live, before: ExtractionStatus): ExtractionStatus['copy'] {
  if (live.copy.total === 0) return { ...before.copy, throttle: live.throttle() }
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

async function refusalsOf(
  live: Live,
  known: ExtractionStatus['refusals'],
): Promise<ExtractionStatus['refusals']> {
  const [source, target] = await Promise.all(
    [live.source, live.target].map((side) => side.refusals().catch(() => null)),
  )
  return { source: source ?? known.source, target: target ?? known.target }
}
