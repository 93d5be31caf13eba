import { type LoadCounts, percentile } from '@banyan/lab'
import type { ExtractionStatus, HandoverRecord } from '@banyan/migration'

/** What `npm start -- --json FILE` writes. */
export interface Report {
  readonly extraction: string
  /** What moved: rows (`tables`), requests alone (`routes`), or an index that the service derives (`index`). */
  readonly kind: ExtractionStatus['kind']
  readonly phase: string
  readonly requests: { readonly sent: number; readonly failed: number }
  readonly writes: {
    readonly acknowledged: number
    readonly lost: number
    readonly duplicated: number
    readonly stale: number
  }
  readonly rows: { readonly source: number; readonly target: number; readonly divergent: number }
  readonly handovers: readonly Pick<HandoverRecord, 'from' | 'to' | 'buckets' | 'holdMs'>[]
  readonly holdMs: { readonly p50: number; readonly p99: number }
  readonly lagMs: { readonly p50: number; readonly p99: number }
  /** Of files that moved: those followed at the end, and how many copies were read anew when they were compared. */
  readonly objects?: {
    readonly objects: number
    readonly bytes: number
    readonly compared: number
    readonly differing: number
  }
  readonly copy: { readonly rows: number; readonly rowsPerSecond: number }
  readonly shadow: { readonly compared: number; readonly differing: number }
  readonly ledger: { readonly entries: number; readonly verified: boolean }
  readonly leftovers: number
}

/** The same with `--system`: every capability that can leave the monolith, in the order they did. */
export interface SystemReport {
  readonly system: string
  readonly extractions: readonly Report[]
  /** Whether the monolith serves its health alone, its tables archived and dropped, and nobody missed it. */
  readonly retired: boolean
  /** Routes that are still the monolith's. */
  readonly left: readonly string[]
  /** Rows of both sides, compared one by one as each extraction ended. */
  readonly reconciliation: {
    readonly compared: number
    readonly differing: number
    readonly repaired: number
    /** Images and albums that were gone and still linked; they are not linked any more. */
    readonly unlinked: number
    /** Links of MOCs to images and albums that are not there, at the end. */
    readonly dangling: number
  }
}

/** One line when a phase begins. */
export function headline(status: ExtractionStatus): string {
  const { phase, copy, verify, shadow, objects } = status
  switch (phase) {
    case 'verifying':
      if (objects) {
        return `copied ${count(objects.objects)} files, ${count(objects.bytes)} bytes; verifying`
      }
      return `copied ${count(copy.rows)} rows, ${count(copy.rowsPerSecond)} rows/s; verifying`
    case 'shadowing':
      if (objects?.verified) {
        return `verified ${count(objects.verified.compared)} files, ${objects.verified.differing} divergent; shadowing reads`
      }
      return `verified ${count(verify.rows)} rows, ${verify.divergent} divergent; shadowing reads`
    case 'canary':
      return `${count(shadow.compared)} shadow answers compared, ${shadow.differing} differ; canary`
    default:
      return phase
  }
}

/** The section that is redrawn: where the move stands, and how its users fare. */
export function liveView(status: ExtractionStatus, counts: LoadCounts): string[] {
  const { phase, copy, percent, goal, streams, shadow, waitsFor } = status
  const eta = copy.etaSeconds === null ? '' : `, ${copy.etaSeconds} s to go`
  const progress =
    phase === 'copying'
      ? `${bar(copy.total > 0 ? copy.rows / copy.total : 0)} ${count(copy.rows)} of about ${count(copy.total)} rows, ${count(copy.rowsPerSecond)} rows/s${eta}`
      : `${bar(percent / 100)} ${percent} % at the service${goal === percent ? '' : `, going to ${goal} %`}`
  const lag = (['forward', 'reverse'] as const)
    .map(
      (name) =>
        `${name} ${streams[name].lagMs === null ? '–' : `${Math.round(streams[name].lagMs)} ms`}`,
    )
    .join(', ')
  const times = counts.recentMs ?? []
  return [
    '',
    `  ${phase.padEnd(12)} ${progress}`,
    `  lag          ${lag}; shadow: ${count(shadow.compared)} compared, ${shadow.differing} differ`,
    `  users        ${count(counts.sent)} requests, ${count(counts.acknowledgedWrites)} writes acknowledged, ${count(counts.failed)} failed; p50 ${percentile(times, 0.5).toFixed(1)} ms, p99 ${percentile(times, 0.99).toFixed(1)} ms`,
    `  waits for    ${waitsFor.join('; ') || 'nothing'}`,
  ]
}

/** The table at the end. */
export function summary(report: Report, findings: readonly string[], counts: LoadCounts): string {
  const { requests, writes, rows, handovers, holdMs, lagMs, objects, copy, shadow, ledger } = report
  const lines: [string, string, boolean][] = [
    [
      'requests',
      `${count(requests.sent)} sent, ${count(requests.failed)} failed`,
      requests.failed === 0,
    ],
    ['writes acknowledged', count(writes.acknowledged), true],
    ['lost', count(writes.lost), writes.lost === 0],
    ['duplicated', count(writes.duplicated), writes.duplicated === 0],
    ['stale reads', count(writes.stale), writes.stale === 0],
    ['rows', `${count(rows.source)} at the monolith, ${count(rows.target)} at the service`, true],
    ['divergent rows', count(rows.divergent), rows.divergent === 0],
    [
      'copy',
      objects
        ? `${count(objects.objects)} files, ${count(objects.compared)} copies read anew, ${objects.differing} differed`
        : `${count(copy.rows)} rows, ${count(copy.rowsPerSecond)} rows/s`,
      true,
    ],
    [
      'shadow',
      `${count(shadow.compared)} answers compared, ${count(shadow.differing)} differ`,
      true,
    ],
    [
      'handovers',
      handovers.map((one) => `${one.buckets} ${one.to === 'target' ? '→' : '←'}`).join('  '),
      true,
    ],
    ['writes held', `p50 ${holdMs.p50} ms, p99 ${holdMs.p99} ms`, true],
    ['replication lag', `p50 ${Math.round(lagMs.p50)} ms, p99 ${Math.round(lagMs.p99)} ms`, true],
    [
      'ledger',
      `${ledger.entries} entries, ${ledger.verified ? 'chain verified' : 'CHAIN BROKEN'}`,
      ledger.verified,
    ],
    ['leftovers', count(report.leftovers), report.leftovers === 0],
  ]
  const failures = Object.entries(counts.failures ?? {}).map(([what, n]) => `${what}: ${n} times`)
  return [
    '',
    `${report.extraction}: ${report.phase}`,
    ...lines.map(([name, text, good]) => `  ${good ? '✓' : '✗'} ${name.padEnd(20)} ${text}`),
    ...[...findings, ...failures].slice(0, 20).map((finding) => `    ${finding}`),
  ].join('\n')
}

function bar(share: number): string {
  const width = 24
  const full = Math.round(Math.max(0, Math.min(1, share)) * width)
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`
}

function count(value: number | undefined): string {
  return (value ?? 0).toLocaleString('en', { maximumFractionDigits: 0 })
}
