/** A place in a trace; a `SpanContext` of OpenTelemetry is one. */
export interface TracePlace {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
}

/** Version 00 of the W3C recommendation (Trace Context); all-zero ids are invalid there. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/

/** Whose span it names, or null when it is none. */
export function readTraceparent(header: unknown): (TracePlace & { isRemote: true }) | null {
  const [, traceId, spanId, flags] = (typeof header === 'string' && TRACEPARENT.exec(header)) || []
  if (!traceId || !spanId) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags!, 16), isRemote: true }
}

export function writeTraceparent({ traceId, spanId, traceFlags }: TracePlace): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}
