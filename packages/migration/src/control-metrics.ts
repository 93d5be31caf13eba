import type { Metrics } from '@banyan/service/http'
import { type ControlStatus, type ExtractionStatus, PHASES } from './status.ts'

type Value = { readonly value: number; readonly labels?: Readonly<Record<string, string>> }
type Figure = readonly [
  name: string,
  help: string,
  labels: readonly string[],
  read: (one: ExtractionStatus) => readonly Value[],
]

const one = (value: number): Value[] => [{ value }]
const flag = (value: boolean): Value[] => one(value ? 1 : 0)
const bySide = ({ source, target }: { source: number; target: number }): Value[] => [
  { value: source, labels: { side: 'source' } },
  { value: target, labels: { side: 'target' } },
]
/** Of each stream; nothing for one that has no such figure now. */
const byStream = (
  { streams }: ExtractionStatus,
  read: (stream: ExtractionStatus['streams']['forward']) => number | null,
): Value[] =>
  (['forward', 'reverse'] as const).flatMap((stream) => {
    const value = read(streams[stream])
    return value === null ? [] : [{ value, labels: { stream } }]
  })

/** Units are Prometheus's own: seconds, bytes, shares from 0 to 1. */
const FIGURES: readonly Figure[] = [
  [
    'phase',
    '1 for the phase it is in',
    ['phase'],
    (now) => PHASES.map((phase) => ({ value: now.phase === phase ? 1 : 0, labels: { phase } })),
  ],
  ['paused', '1 while it is paused', [], ({ paused }) => flag(paused)],
  [
    'trouble',
    '1 while the engine tries to take it up anew and does not succeed',
    [],
    ({ trouble }) => flag(trouble !== null),
  ],
  [
    'target_share',
    'Share of the buckets that the target owns',
    [],
    (now) => one(now.percent / 100),
  ],
  ['goal_share', 'Share of the buckets it is moving to', [], ({ goal }) => one(goal / 100)],
  ['copied_rows', 'Rows copied', [], ({ copy }) => one(copy.rows)],
  ['copy_rows', 'Rows to be copied, counted in a sample', [], ({ copy }) => one(copy.total)],
  [
    'stream_lag_seconds',
    'How far a stream is behind; none while it does not run',
    ['stream'],
    (now) => byStream(now, ({ lagMs }) => (lagMs === null ? null : lagMs / 1000)),
  ],
  [
    'stream_lag_bytes',
    'Log that a stream has not been through',
    ['stream'],
    (now) => byStream(now, ({ lagBytes }) => lagBytes),
  ],
  [
    'stream_kept_bytes',
    'Log that a server keeps for a stream',
    ['stream'],
    (now) => byStream(now, ({ keptBytes }) => keptBytes),
  ],
  [
    'divergent_rows',
    'Rows that truly differ, as far as it is known',
    [],
    ({ verify }) => one(verify.divergent),
  ],
  ['verified_rows', 'Rows of the last comparison', [], ({ verify }) => one(verify.rows)],
  ['shadow_compared', 'Answers compared', [], ({ shadow }) => one(shadow.compared)],
  ['shadow_differing', 'Answers that differed', [], ({ shadow }) => one(shadow.differing)],
  [
    'handovers',
    'Handovers, of the newest 200',
    ['outcome'],
    ({ handovers }) =>
      (['done', 'aborted'] as const).map((outcome) => ({
        value: handovers.filter((each) => each.outcome === outcome).length,
        labels: { outcome },
      })),
  ],
  [
    'hold_seconds',
    'How long handovers held requests, of the newest 200 that were done',
    ['quantile'],
    ({ holdMs }) => [
      { value: holdMs.p50 / 1000, labels: { quantile: '0.5' } },
      { value: holdMs.p99 / 1000, labels: { quantile: '0.99' } },
    ],
  ],
  [
    'refused_writes',
    'Writes that a guard refused (BN001), by the side that refused',
    ['side'],
    ({ refusals }) => bySide(refusals),
  ],
]

/** What an operator's dashboards and alarms are made of; every engine tells it, leading or not. */
export function watchMigration(metrics: Metrics, status: () => Promise<ControlStatus>): void {
  let looking: Promise<ControlStatus> | null = null
  // All figures are collected at once: one look at the database does for them.
  const look = () => {
    looking ??= status().finally(() => {
      looking = null
    })
    return looking
  }
  for (const [name, help, labels, read] of FIGURES) {
    metrics.gauge(
      `banyan_extraction_${name}`,
      help,
      async () => {
        const { extractions } = await look()
        return extractions.flatMap((each) =>
          read(each).map(({ value, labels }) => ({
            value,
            labels: { extraction: each.extraction, ...labels },
          })),
        )
      },
      ['extraction', ...labels],
    )
  }
  metrics.gauge('banyan_engine_leading', '1 on the engine that leads', async () => {
    const { engine } = await look()
    return flag(engine.role === 'leading')
  })
  metrics.gauge(
    'banyan_gateway_lease_seconds',
    'Until the lease of a gateway ends; below 0 when it has',
    async () => {
      const { gateways } = await look()
      return gateways.map(({ id, leaseMs }) => ({ value: leaseMs / 1000, labels: { gateway: id } }))
    },
    ['gateway'],
  )
}
