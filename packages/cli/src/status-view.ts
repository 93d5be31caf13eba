import type { ControlStatus, ExtractionStatus, OldTables } from '@banyan/migration'
import type { Terminal } from './terminal.ts'
import { bytes, clock, duration, number, paint } from './text.ts'

/** How many handovers are shown. */
const NEWEST = 3

/** The state as a compact table for each extraction. */
export function statusView(
  status: ControlStatus,
  terminal: Terminal,
  only: string | undefined,
): string {
  const shown = status.extractions.filter((one) => only === undefined || one.extraction === only)
  return [...shown.map((one) => extractionView(one, terminal)), engineLine(status, terminal)].join(
    '\n\n',
  )
}

function extractionView(one: ExtractionStatus, terminal: Terminal): string {
  const share = one.percent === one.goal ? `${one.percent} %` : `${one.percent} % -> ${one.goal} %`
  const phase = one.paused ? paint(terminal, 'yellow', `${one.phase}, paused`) : one.phase
  const rows: Row[] = [
    ['waits for', waiting(one)],
    ...rowsOf(one, terminal),
    ...(one.objects ? [['files', files(one.objects)] as const] : []),
    ['shadow', shadow(one)],
    ['traffic', `monolith ${traffic(one.traffic.source)}; service ${traffic(one.traffic.target)}`],
    ...(one.kind === 'tables' ? [refused(one)] : []),
    ['handovers', handovers(one)],
    ...(one.oldTables ? [['old tables', oldTables(one.oldTables)] as [string, string]] : []),
    ...(one.losesOnRollback
      ? [['rollback', `loses ${one.losesOnRollback.join('; ')}`] as const]
      : []),
  ]
  const newest = one.handovers.slice(-NEWEST).map((record) => {
    const sides = { source: 'monolith', target: 'service' }
    const outcome = record.outcome === 'done' ? '' : `  aborted: ${record.why ?? 'no reason given'}`
    return `              ${clock(record.at)}  ${sides[record.from]} -> ${sides[record.to]}  ${number(record.buckets)} buckets  held ${number(record.holdMs)} ms${outcome}`
  })
  return [
    `${paint(terminal, 'bold', one.extraction)}  ${phase}  ${share} at the service`,
    ...rows.map(([label, text]) => `  ${label.padEnd(10)}  ${text}`),
    ...newest,
  ].join('\n')
}

type Row = readonly [label: string, text: string]

/** What is told of its cargo: rows, an index, or nothing. */
function rowsOf(one: ExtractionStatus, terminal: Terminal): Row[] {
  switch (one.kind) {
    case 'routes':
      return []
    case 'objects':
      return []
    case 'index':
      return [['index', index(one)]]
    default:
      return [
        ['copy', copy(one)],
        ['lag', lag(one)],
        ['verify', verified(one, terminal)],
      ]
  }
}

function index({ index: standing }: ExtractionStatus): string {
  if (!standing) return 'not asked yet'
  const { state, documents, of, lagMs, reason } = standing
  const behind = lagMs === null ? '' : `, ${number(lagMs)} ms behind`
  return `${state}, ${number(documents)} of ${number(of)} documents${behind}${reason ? `: ${reason}` : ''}`
}

function files(objects: NonNullable<ExtractionStatus['objects']>): string {
  const { state, why, left, etaSeconds, lagMs, problems, examples, verified, comparing } = objects
  const count = `${number(objects.objects)} of ${number(objects.bytes)} bytes`
  const eta = etaSeconds === null ? '' : `, ${number(etaSeconds)} s`
  const parts = [
    `${state}${why ? `: ${why}` : ''}; ${count}`,
    ...(left.objects > 0 ? [`${number(left.objects)} left${eta}`] : []),
    ...(lagMs === null ? [] : [`${number(lagMs)} ms behind`]),
    ...(comparing === null ? [] : [`${number(comparing)} compared so far`]),
    ...(verified
      ? [
          `${number(verified.compared)} compared, ${number(verified.differing)} differed and copied again`,
        ]
      : []),
    ...(problems > 0 ? [`${number(problems)} missing or refused: ${examples[0]?.why ?? ''}`] : []),
  ]
  return parts.join('; ')
}

function refused({ refusals: { source, target } }: ExtractionStatus): Row {
  return ['refused', `${number(source)} at the monolith, ${number(target)} at the service (BN001)`]
}

function waiting({ waitsFor, paused, pausedWhy }: ExtractionStatus): string {
  const all = waitsFor.length > 0 ? waitsFor.join('; ') : 'nothing'
  return paused && pausedWhy && !all.includes(pausedWhy) ? `${all} (paused: ${pausedWhy})` : all
}

/** A limit of the copy. */
export function throttleText(rowsPerSecond: number): string {
  return rowsPerSecond === 0 ? 'stands still' : `${number(rowsPerSecond)} rows/s at most`
}

function copy({
  copy: { rows, total, rowsPerSecond, etaSeconds, done, throttle },
}: ExtractionStatus): string {
  if (done) return `${number(rows)} rows, done`
  if (total === 0) return 'not begun'
  const share = Math.min(100, (rows / total) * 100)
  const left = etaSeconds === null ? '' : `, ${duration(etaSeconds)} left`
  const limit =
    throttle.rowsPerSecond === null
      ? ''
      : `; ${throttleText(throttle.rowsPerSecond)} (${throttle.why})`
  return `${number(rows)} of ${number(total)} rows (${number(share)} %), ${number(rowsPerSecond)} rows/s${left}${limit}`
}

function lag({ streams, lagMs }: ExtractionStatus): string {
  const way = (name: 'forward' | 'reverse') => {
    const stream = streams[name]
    if (stream.lagMs === null) return stream.state
    const kept = stream.keptFor
      ? `, the server keeps ${bytes(stream.keptBytes)} of log for ${stream.keptFor}`
      : ''
    return `${number(stream.lagMs)} ms (${bytes(stream.lagBytes)})${kept}`
  }
  return `to the service ${way('forward')}; back ${way('reverse')}; p99 ${number(lagMs.p99)} ms`
}

function verified({ verify }: ExtractionStatus, terminal: Terminal): string {
  if (verify.at === null) return 'not yet'
  const text = `${number(verify.divergent)} of ${number(verify.rows)} rows differ (run ${verify.runs}, ${clock(verify.at)})`
  return verify.divergent > 0
    ? `${paint(terminal, 'red', text)}: ${verify.examples.slice(0, 2).join('; ')}`
    : text
}

function shadow({
  shadow: { compared, differing, dropped, differences },
}: ExtractionStatus): string {
  if (compared === 0 && dropped === 0) return 'nothing compared'
  const where = differences
    .slice(0, 2)
    .map((one) => `${one.path} ${number(one.count)}`)
    .join(', ')
  return `${number(differing)} of ${number(compared)} answers differ${where ? ` (${where})` : ''}, ${number(dropped)} not compared`
}

function traffic(side: ExtractionStatus['traffic']['source']): string {
  const p95 = side.p95Ms === null ? '' : `, p95 ${number(side.p95Ms)} ms`
  return `${number(side.requests)} requests, ${number(side.errors)} errors${p95}`
}

function oldTables({ archive, dropped, refused }: OldTables): string {
  const kept = archive
    ? `${number(archive.rows)} rows archived in ${archive.place} at ${archive.at}`
    : 'not archived'
  const now = dropped
    ? `; dropped at ${dropped.at}`
    : refused
      ? `; not dropped: ${refused.why}`
      : ''
  return kept + now
}

function handovers({ handovers: all, holdMs }: ExtractionStatus): string {
  if (all.length === 0) return 'none yet'
  const done = all.filter((one) => one.outcome === 'done').length
  return `${done} done, ${all.length - done} aborted; held p50 ${number(holdMs.p50)} ms, p99 ${number(holdMs.p99)} ms`
}

function engineLine({ engine, gateways, notices = [] }: ControlStatus, terminal: Terminal): string {
  const active =
    engine.active === null
      ? paint(terminal, 'yellow', 'none acts')
      : `${engine.active} (token ${engine.token})`
  const standby =
    engine.role === 'leading'
      ? ''
      : `; ${engine.self}, which answers, is standing by${engine.url ? ` (the leader: ${engine.url})` : ''}`
  const list = gateways
    .map((one) => `${one.id} v${one.version}${one.problem ? ` (${one.problem})` : ''}`)
    .join(', ')
  const untold = notices.map(
    ({ target, since, why }) =>
      `\n${paint(terminal, 'yellow', 'not told')}  ${target}, since ${since}: ${why}`,
  )
  return `engine ${active}${standby}; gateways ${list || 'none registered'}${untold.join('')}`
}
