import { BanyanError, type Outcome as Result, type Settle, withJitter } from '@banyan/contracts'
import type { Claim } from './cache/answer-cache.ts'
import type { Call } from './call.ts'
import { type Caller, withoutCaller } from './caller.ts'
import { Exchange, isConnectionFailure, type Outcome, problemOf, wasKept } from './exchange.ts'
import type { Forwarder, ForwarderParts } from './forwarder.ts'
import type { Flight } from './in-flight.ts'
import type { ResponseHead } from './response-head.ts'
import { sideOf, targetPath } from './route-table.ts'
import type { Placement } from './routing.ts'
import type { Capture } from './shadow.ts'
import type { ExtractionState } from './tables.ts'
import type { Upstream } from './upstreams.ts'

/** Before a read is sent a second time, ms, where the first connection was not a kept one. */
const RETRY_MS = 100
export const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** One way of a call to one side (or past every move, to the monolith), and what is kept of it. */
export class Trip implements Outcome {
  readonly upstream: Upstream
  readonly placement: Placement | null
  readonly #forwarder: Forwarder
  readonly #call: Call
  readonly #state: ExtractionState | null
  readonly #flight: Flight | null
  readonly #capture: Capture | null
  readonly #startedAt: number
  readonly #settle: Settle
  readonly #claim: Claim | null
  /** Called once its write is over. */
  readonly #written: ((sure: boolean) => void) | null
  /** On the gateway's clock, ms; `startedAt` is on that of `performance`. */
  readonly #sentAt: number
  #counted = false
  #answering = false
  #settled = false
  /** From its begin to its end, ms. */
  #tookMs: number | null = null

  /**
   * @param settle tells the side's breaker how it went; called once, whatever happens.
   * @param claim by which its answer may be kept.
   */
  constructor(
    forwarder: Forwarder,
    call: Call,
    placement: Placement | null,
    upstream: Upstream,
    settle: Settle,
    claim: Claim | null,
  ) {
    const { tables, shadow, cache } = forwarder.parts
    this.#forwarder = forwarder
    this.#call = call
    this.placement = placement
    this.#startedAt = performance.now()
    call.askedAt = this.#startedAt
    call.placement = placement
    call.side = placement?.side ?? 'source'
    this.upstream = upstream
    this.#settle = settle
    this.#claim = claim
    this.#written = this.isSafe ? null : (cache?.write(callerOf(call), placement) ?? null)
    this.#sentAt = forwarder.parts.settings.now()
    if (!placement) {
      this.#state = this.#flight = this.#capture = null
      return
    }
    const { route, side, bucket } = placement
    this.#state = tables.state(route.extraction.name)
    this.#state.counters[side].requests++
    this.#flight = {
      bucket,
      write: route.write,
      correlationId: call.head.correlationId,
      endStream: null,
      side,
      place: -1,
    }
    this.#state.inFlight.start(this.#flight)
    this.#capture = shadow.capture(call, placement)
  }

  check(): BanyanError | null {
    if (this.placement) {
      const problem = this.#forwarder.parts.leaseProblem()
      if (problem) return problem
    }
    if (this.#call.hasUnreadBody) this.#streamBody()
    return null
  }

  answering(status: number, head: ResponseHead): void {
    this.#answering = true
    this.#claim?.answering(status, head)
    if (this.#isLate || this.upstream.guard.isFailure(status)) this.#settleAs('failed')
  }

  notOwner(): boolean {
    if (!this.placement) return false
    if (this.#call.replayed || this.#call.hasUnreadBody) {
      // Not whole here, so not to be sent again; the client is told to do it.
      this.#refuseNotOwner()
    }
    return true
  }

  streaming(end: () => void): void {
    this.#settleAs('well')
    this.#call.endStream = end
    if (this.#flight) this.#state!.inFlight.becomeStream(this.#flight, end)
    this.#count(200)
  }

  data(chunk: Buffer): void {
    this.#capture?.add(chunk)
    this.#claim?.add(chunk)
  }

  finished(status: number, head: ResponseHead | null): void {
    this.#settleAs(this.#judge(status))
    if (head) this.#claim?.whole()
    this.#end(head !== null)
    if (this.#call.joined) this.#forwarder.over(this.#call)
    if (status > 0) this.#count(status)
    if (this.#capture && head) this.#forwarder.parts.shadow.offer(this.#capture, status, head)
  }

  failed(error: Error): void {
    const call = this.#call
    const ours = error instanceof BanyanError || problemOf(error, '', 0).status === 400
    this.#settleAs(ours ? 'unknown' : 'failed')
    this.#end(error instanceof BanyanError)
    if (this.#isRepeatable && isConnectionFailure(error) && this.upstream.guard.mayRetry()) {
      call.retried = true
      if (wasKept(error)) this.#forwarder.route(call)
      else setTimeout(() => this.#forwarder.route(call), withJitter(RETRY_MS, Math.random))
      return
    }
    const { settings, log } = this.#forwarder.parts
    const timeoutMs = timeoutOf(call, settings.timeouts)
    const problem = problemOf(error, this.upstream.name, timeoutMs)
    if (problem !== error) {
      this.#count(problem.status)
      log.warn({ upstream: this.upstream.name, reason: error.message }, 'upstream failed')
    }
    call.refuse(problem)
  }

  again(): void {
    this.#settleAs('well')
    this.#end(true)
    const call = this.#call
    if (call.gone || call.replayed || call.response.headersSent) return
    call.replayed = true
    this.#state!.counters.replayed++
    this.#forwarder.replay(call, this.placement!.side)
  }

  /** Whether it only reads; a route may say that its GET writes. */
  get isSafe(): boolean {
    return SAFE.has(this.#call.method) && !this.placement?.route.write
  }

  /** Once, what only reads and has no body. */
  get #isRepeatable(): boolean {
    const { retried, socket, head } = this.#call
    return this.isSafe && !retried && !socket && head.bodyLength === 0
  }

  #judge(status: number): Result {
    if (status >= 500 && this.#call.cut) return 'failed'
    if (status > 0) return 'well'
    // The client left: that says something only where it had waited too long.
    return !this.#answering && this.#isLate ? 'failed' : 'unknown'
  }

  get #isLate(): boolean {
    const { settings } = this.#forwarder.parts
    return settings.now() - this.#sentAt > this.upstream.guard.slowMs
  }

  /** Only the first word counts. */
  #settleAs(result: Result): void {
    if (this.#settled) return
    this.#settled = true
    this.#settle(result)
  }

  #streamBody(): void {
    const call = this.#call
    call.continueIfExpected()
    if (!this.placement?.route.write) return
    const limit = this.#forwarder.parts.replayBytes
    const kept: Buffer[] = []
    let size = 0
    // Beside undici's own listener, which is attached in the same turn: both see every piece.
    call.request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) kept.push(chunk)
      else kept.length = 0
    })
    call.request.on('end', () => {
      if (size <= limit) call.body = Buffer.concat(kept)
    })
  }

  #refuseNotOwner(): void {
    const { route, bucket, side } = this.placement!
    const extraction = this.#forwarder.parts.tables.current?.extractions.find(
      (one) => one.name === route.extraction.name,
    )
    this.#call.refuse(
      new BanyanError('NOT_OWNER', {
        extraction: route.extraction.name,
        bucket,
        owner: extraction ? sideOf(extraction, bucket) : side,
        since: 'a moment',
      }),
      503,
    )
  }

  /** @param sure whether it is known what became of it. */
  #end(sure: boolean): void {
    this.#claim?.end()
    this.#written?.(sure)
    this.#tookMs = performance.now() - this.#startedAt
    this.#call.upstreamMs += this.#tookMs
    this.#call.askedAt = null
    if (this.#flight) this.#state!.inFlight.finish(this.#flight)
  }

  #count(status: number): void {
    if (!this.placement || this.#counted) return
    this.#counted = true
    // What `end` has found, unless the answer goes on.
    const ms = this.#tookMs ?? performance.now() - this.#startedAt
    this.#state!.counters[this.placement.side].answered(status, ms)
  }
}

function callerOf({ credentials }: Call): Caller | null {
  return credentials?.state === 'valid' ? credentials.caller : null
}

/** Sends a call where its trip goes. */
export function dispatchCall(call: Call, trip: Trip, parts: ForwarderParts): void {
  const { upstream, placement } = trip
  const { timeouts, identityKey } = parts.settings
  const { head, target, credentials } = call
  const toTarget = placement?.side === 'target'
  const streamed = call.hasUnreadBody
  const isWhole = !streamed && !call.socket
  let path: string
  let fields = ''
  let headers: readonly string[] = head.forward
  if (toTarget) {
    path = targetPath(placement.route, placement.segments)
    // A service is reached by its own name; the client's stands in X-Forwarded-Host.
    if (head.host !== undefined) headers = headers.slice(2)
    if (credentials?.state === 'valid') {
      const { caller } = credentials
      if (isWhole) {
        headers = withoutCaller(headers, head)
        fields = caller.fields(identityKey)
      } else headers = caller.onto(headers, head, identityKey)
    }
  } else path = passedPath(call, placement !== null)
  call.bodyTaken ||= streamed
  const request = {
    path: upstream.prefix + path + target.query,
    method: call.method as 'GET',
    headers: headers as string[],
    fields,
    body: call.body,
    headersTimeout: timeoutOf(call, timeouts),
    bodyTimeout: timeouts.idleMs,
  }
  const exchange = new Exchange(call, trip)
  if (isWhole) {
    upstream.connections.dispatch(request, exchange)
    return
  }
  upstream.pool.dispatch(
    {
      ...request,
      ...(streamed ? { body: call.request } : {}),
      ...(call.socket ? { upgrade: 'websocket' } : {}),
      ...(upstream.servername === null ? {} : { servername: upstream.servername }),
    },
    exchange,
  )
}

/**
 * The path as the client wrote it, byte for byte, where nothing moved can hide in it; else the canonical one,
 * so that the monolith cannot read a moved route into what was routed as something else.
 */
function passedPath(call: Call, moved: boolean): string {
  const { path, rawPath, ambiguous } = call.target
  return moved || ambiguous ? path : rawPath
}

function timeoutOf(call: Call, timeouts: { answerMs: number; uploadMs: number }): number {
  return call.hasUnreadBody || call.hasForm ? timeouts.uploadMs : timeouts.answerMs
}
