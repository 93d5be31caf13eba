import { BUCKETS, type BucketSet } from '@banyan/contracts'
import type { SideName } from '@banyan/replication'
import type { Ownership } from '../sides.ts'

/** One change of what the two databases know of the protocol, in the order in which they came. */
export type TraceEvent =
  | { readonly kind: 'token'; readonly side: SideName; readonly token: number }
  | {
      readonly kind: 'flip'
      readonly side: SideName
      readonly buckets: BucketSet
      readonly from: Ownership
      readonly to: Ownership
    }
  /** The other side has committed the barrier that `side` wrote when it closed. */
  | {
      readonly kind: 'barrier'
      readonly side: SideName
      readonly buckets: BucketSet
      readonly epoch: number
    }

/** What was recorded of one extraction, from a moment when the source owned everything. */
export interface Trace {
  /** The token in both databases when the record begins. */
  readonly token: number
  readonly events: readonly TraceEvent[]
}

/** What one bucket went through; buckets that always moved together share one. */
export interface History {
  /** One of them. */
  readonly bucket: number
  readonly buckets: number
  readonly steps: readonly HistoryStep[]
}

export type HistoryStep =
  | { readonly kind: 'token'; readonly side: SideName; readonly token: number }
  | {
      readonly kind: 'flip'
      readonly side: SideName
      readonly from: Ownership
      readonly to: Ownership
    }
  | { readonly kind: 'barrier'; readonly side: SideName; readonly epoch: number }

/** The trace as each bucket saw it, one history for all that saw the same. */
export function historiesOf(trace: Trace): History[] {
  const touched = trace.events.map((event) => (event.kind === 'token' ? null : event.buckets))
  const kinds = new Map<string, { bucket: number; buckets: number }>()
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const seen = touched
      .map((buckets) => (buckets === null || buckets.has(bucket) ? 1 : 0))
      .join('')
    const kind = kinds.get(seen)
    if (kind) kind.buckets += 1
    else kinds.set(seen, { bucket, buckets: 1 })
  }
  return [...kinds.values()].map(({ bucket, buckets }) => ({
    bucket,
    buckets,
    steps: trace.events.flatMap((event): HistoryStep[] => {
      if (event.kind === 'token') return [event]
      if (!event.buckets.has(bucket)) return []
      const { buckets: _, ...step } = event
      return [step]
    }),
  }))
}

/** A step in words, for a report. */
export function stepWords(step: HistoryStep): string {
  if (step.kind === 'token') return `${step.side} takes token ${step.token}`
  if (step.kind === 'barrier') return `the barrier of ${step.side}, epoch ${step.epoch}, is applied`
  const row = ({ state, epoch }: Ownership) => `${state} (epoch ${epoch})`
  return `${step.side}: ${row(step.from)} → ${row(step.to)}`
}
