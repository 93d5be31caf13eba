import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { BanyanError, CORRELATION_HEADER, type ErrorCode, PROBLEM_TYPE } from '@banyan/contracts'
import type { Span } from '@opentelemetry/api'
import type { CanonicalTarget } from './canonical-target.ts'
import type { ClientRequest, ClientResponse } from './client-side.ts'
import type { Credentials } from './credentials.ts'
import type { Held } from './hold-queue.ts'
import { SecondRequest } from './http2-message.ts'
import type { RequestHead } from './request-head.ts'
import type { Side } from './route-table.ts'
import type { Placement } from './routing.ts'
import { watchBody } from './slow-body.ts'

/** Bodies up to this size, bytes, are read and dropped after a refusal, to keep the connection. */
const DROPPED_BYTES = 64 * 1024
/** How long what is dropped may stop coming, ms, before the connection ends. */
const DROPPED_MS = 5_000

/** One client request on its way through the gateway. */
export class Call {
  readonly request: ClientRequest
  readonly response: ClientResponse
  readonly head: RequestHead
  readonly target: CanonicalTarget
  /** The client's connection, when it asked for a WebSocket. */
  readonly socket: Duplex | null
  /** Among the calls that are not over. */
  place = -1
  /** Once asked for. */
  credentials: Credentials | null = null
  /** The whole body, once it was read for its owner or for a replay. */
  body: Buffer | null = null
  /** The client has left. */
  gone = false
  /** On the gateway's clock, ms; 0 when it never was held. */
  heldSince = 0
  held: Held | null = null
  /** Sent again after BN001. */
  replayed = false
  /** Answered by what was kept. */
  cached = false
  /** Sent again after a connection failed. */
  retried = false
  /** Ends what the gateway is doing for it upstream. */
  abort: (() => void) | null = null
  /** Its connections were joined: there is no response to end any more. */
  joined = false
  /** Ends it when it is an event stream or a WebSocket. */
  endStream: (() => void) | null = null
  /** Its body was given to an upstream, piece by piece: nobody else can have it. */
  bodyTaken = false
  /** Ends the watch whether its body comes. */
  endWatch: (() => void) | null = null
  /** The client waits for "100 Continue". */
  expectsContinue = false
  /** Flat names and values, of its limits, for the answer. */
  limitHeaders: readonly string[] = []
  /** On the clock of `performance`, ms. */
  readonly startedAt = performance.now()
  /** Where it was placed last; null for what matched no route, and before it was looked up. */
  placement: Placement | null = null
  /** Who was asked for it last; `none` while nobody was. */
  side: Side | 'none' = 'none'
  /** From asking a side to the end of its answer, all times that it was asked. */
  upstreamMs = 0
  /** Since when a side is asked now, on the same clock; null while none is. */
  askedAt: number | null = null
  heldMs = 0
  /** Of the answer's body. */
  bytesOut = 0
  /** Of the catalogue, when the gateway answered itself. */
  refusal: ErrorCode | null = null
  /** Its answer was cut off: the upstream broke off after the head. */
  cut = false
  span: Span | null = null

  constructor(
    request: ClientRequest,
    response: ClientResponse,
    head: RequestHead,
    target: CanonicalTarget,
    socket: Duplex | null,
  ) {
    this.request = request
    this.response = response
    this.head = head
    this.target = target
    this.socket = socket
  }

  get method(): string {
    return this.request.method!
  }

  /** What it came on: the same thing for each request of a connection. Undefined when that is over. */
  get connection(): object | undefined {
    const { request } = this
    return request.httpVersionMajor === 2
      ? (request as SecondRequest).stream.session
      : request.socket
  }

  /** Of its trace, which goes on with it. */
  get traceId(): string {
    return this.span?.spanContext().traceId ?? this.head.traceparent.slice(3, 35)
  }

  /** Whether a body is there that nobody has read. */
  get hasUnreadBody(): boolean {
    return this.head.bodyLength !== 0 && this.body === null
  }

  /** Whether it brings files, and is answered when they are taken in. */
  get hasForm(): boolean {
    if (this.body === null) return false
    return this.request.headers['content-type']?.startsWith('multipart/') ?? false
  }

  /** Called when the body is wanted: a held request's client keeps its body until then. */
  continueIfExpected(): void {
    if (!this.expectsContinue) return
    this.expectsContinue = false
    this.response.writeContinue()
  }

  /** Its body has stopped coming: whoever waits for it upstream need not. */
  tooSlow(windowMs: number): void {
    if (this.gone || this.response.headersSent) return
    this.bodyTaken = true
    this.refuse(new BanyanError('BODY_TOO_SLOW', { windowMs }))
    this.gone = true
    this.abort?.()
  }

  refuse(error: BanyanError, status = error.status): void {
    if (this.gone) return
    this.refusal = error.code
    if (this.response.headersSent) {
      this.cut = true
      // The answer has begun: cutting it off is the only way to say that it is not whole.
      this.response.destroy()
      return
    }
    this.bytesOut = refuse(this.request, this.response, error, status, {
      correlationId: this.head.correlationId,
      lost: this.bodyTaken || this.expectsContinue,
      headers: this.limitHeaders,
    })
  }
}

interface RefusalOptions {
  readonly correlationId?: string
  /**
   * The rest of the body cannot be read and dropped: it went elsewhere, or its client may not send it at
   * all. The connection must end, or the next request would be read in its place.
   */
  readonly lost?: boolean
  /** Flat names and values, beside those of every refusal. */
  readonly headers?: readonly string[]
}

/** Answers a problem of the catalogue, with a body of so many bytes. */
export function refuse(
  request: ClientRequest,
  response: ClientResponse,
  error: BanyanError,
  status: number,
  { correlationId, lost = false, headers: more = [] }: RefusalOptions = {},
): number {
  const body = Buffer.from(JSON.stringify({ ...error.toProblem(), status }))
  const headers = ['content-type', PROBLEM_TYPE, 'content-length', String(body.length), ...more]
  if (correlationId !== undefined) headers.push(CORRELATION_HEADER, correlationId)
  if (status === 503) headers.push('retry-after', String(retryAfterS(error)))
  const unread = request.complete ? 0 : declaredLength(request)
  if (unread > (lost ? 0 : DROPPED_BYTES)) headers.push(...endConnection(request))
  else if (unread > 0) {
    watchBody(
      request,
      DROPPED_MS,
      () => false,
      () => endUnread(request),
    )
  }
  response.writeHead(status, headers)
  if (request.method === 'HEAD') response.end()
  else response.end(body)
  return body.length
}

function retryAfterS({ values: { waitMs } }: BanyanError): number {
  return typeof waitMs === 'number' ? Math.max(1, Math.ceil(waitMs / 1000)) : 1
}

/** Connections that end with the answer that is under way. */
const ending = new WeakSet<Socket>()

/** Ends the connection with this request's answer. @returns the header that says so, flat names and values. */
export function endConnection(request: ClientRequest): readonly string[] {
  if (request instanceof SecondRequest) {
    // Others share it; only what is left of this one is not wanted.
    request.dropBody()
    return []
  }
  ending.add(request.socket)
  return ['connection', 'close']
}

/**
 * Whether the request came behind one whose answer ends the connection. Node reads on as long as there is
 * something to read; RFC 9112, 9.6: what comes after that is not answered, and so must not be done either.
 */
export function isTooLate(request: ClientRequest): boolean {
  return ending.has(request.socket)
}

/** Bytes; of a chunked body any number. */
function declaredLength(request: ClientRequest): number {
  const { headers } = request
  const unknown =
    request instanceof SecondRequest
      ? request.hasBody && headers['content-length'] === undefined
      : headers['transfer-encoding'] !== undefined
  return unknown ? Number.POSITIVE_INFINITY : Number(headers['content-length'] ?? 0)
}

function endUnread(request: ClientRequest): void {
  if (request instanceof SecondRequest) request.stream.close()
  else request.socket.destroy()
}
