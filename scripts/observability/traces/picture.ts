import type { CollectedSpan } from '@banyan/service/testing'

/** One span in the picture of its trace. */
export interface Bar {
  readonly service: string
  readonly name: string
  /** 0 for one whose parent is not among the spans: that of the client. */
  readonly depth: number
  /** From the beginning of the trace, ms. */
  readonly at: number
  readonly ms: number
  readonly failed: boolean
}

export interface Trace {
  readonly traceId: string
  readonly bars: readonly Bar[]
  readonly ms: number
}

/** OpenTelemetry's code of a span that failed. */
const ERROR = 2

/** The newest first; of each trace the spans beneath their parents, in the order in which they began. */
export function tracesOf(spans: readonly CollectedSpan[]): readonly Trace[] {
  const byTrace = new Map<string, CollectedSpan[]>()
  for (const span of spans) {
    const own = byTrace.get(span.traceId)
    if (own) own.push(span)
    else byTrace.set(span.traceId, [span])
  }
  return [...byTrace].map(([traceId, own]) => traceOf(traceId, own)).reverse()
}

function traceOf(traceId: string, spans: readonly CollectedSpan[]): Trace {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const sorted = spans.toSorted((a, b) => Number(startOf(a) - startOf(b)))
  const first = startOf(sorted[0]!)
  const beneath = (parent: string | undefined, depth: number): Bar[] =>
    sorted
      .filter(({ parentSpanId }) =>
        parent === undefined ? !ids.has(parentSpanId ?? '') : parentSpanId === parent,
      )
      .flatMap((span) => [barOf(span, first, depth), ...beneath(span.spanId, depth + 1)])
  const bars = beneath(undefined, 0)
  return { traceId, bars, ms: Math.max(...bars.map(({ at, ms }) => at + ms)) }
}

function barOf(span: CollectedSpan, first: bigint, depth: number): Bar {
  const at = Number(startOf(span) - first) / 1e6
  const ms = Number(BigInt(span.endTimeUnixNano) - startOf(span)) / 1e6
  const { service, name, status } = span
  return { service, name, depth, at, ms, failed: status.code === ERROR }
}

function startOf({ startTimeUnixNano }: CollectedSpan): bigint {
  return BigInt(startTimeUnixNano)
}
