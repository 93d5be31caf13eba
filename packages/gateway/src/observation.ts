import { type BanyanError, readTraceparent, writeTraceparent } from '@banyan/contracts'
import {
  type Attributes,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
} from '@opentelemetry/api'
import type { AccessLog } from './access-log.ts'
import type { Call } from './call.ts'
import type { ClientRequest } from './client-side.ts'
import { RequestCounters } from './request-counters.ts'

/** Makes a span beneath `parent`, or of a new trace; null when nobody collects them. */
export type StartSpan = (
  name: string,
  parent: SpanContext | null,
  options: { readonly kind: SpanKind; readonly attributes?: Attributes },
) => Span | null

/** Sees each request when it comes and when it is over, and tells: a log line, figures, a span. */
export class Observation {
  readonly counters = new RequestCounters()
  readonly #log: AccessLog | null
  readonly #startSpan: StartSpan | null

  constructor(log: AccessLog | null, startSpan: StartSpan | null) {
    this.#log = log
    this.#startSpan = startSpan
  }

  began(call: Call): void {
    if (!this.#startSpan) return
    const { forward, raw, traceparent } = call.head
    const parent = raw.includes(traceparent) ? readTraceparent(traceparent) : null
    call.span = this.#startSpan(call.method, parent, { kind: SpanKind.SERVER })
    if (!call.span) return
    // Among the last: the gateway's own headers follow those of the client.
    let at = forward.length - 2
    while (forward[at] !== 'traceparent') at -= 2
    forward[at + 1] = writeTraceparent(call.span.spanContext())
  }

  ended(call: Call): void {
    const now = performance.now()
    const ms = now - call.startedAt
    // Its client left, and the upstream has not been told yet.
    if (call.askedAt !== null) call.upstreamMs += now - call.askedAt
    const stream = call.endStream !== null
    const status = statusOf(call, stream)
    this.counters.ended(call, status, stream ? null : ms)
    this.#log?.ended(call, status, ms)
    if (call.span) endSpan(call.span, call, status)
  }

  /** A request whose head could not be read was refused. */
  unread(request: ClientRequest, { code }: BanyanError, status: number): void {
    this.counters.refused(code)
    this.#log?.unread(request.method ?? '', status, code)
  }
}

/** Null when the client left an answer that would have had an end. */
function statusOf(call: Call, stream: boolean): number | null {
  if (call.joined) return 101
  // The head had gone out as well; what followed was not whole.
  if (call.cut) return 502
  if (call.gone && !stream) return null
  return call.response.statusCode
}

function endSpan(span: Span, call: Call, status: number | null): void {
  const { placement, method } = call
  if (placement) span.updateName(`${method} ${placement.route.path}`)
  span.setAttributes({
    'http.request.method': method,
    'banyan.side': call.side,
    ...(placement
      ? { 'http.route': placement.route.path, 'banyan.extraction': placement.route.extraction.name }
      : {}),
    ...(status === null ? {} : { 'http.response.status_code': status }),
    ...(call.refusal === null ? {} : { 'error.type': call.refusal }),
    ...(call.heldMs > 0 ? { 'banyan.held_ms': Math.round(call.heldMs) } : {}),
  })
  if (status !== null && status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}
