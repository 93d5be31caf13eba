import type { Duplex } from 'node:stream'
import { BanyanError, CORRELATION_HEADER } from '@banyan/contracts'
import type { Logger } from 'pino'
import { Bag } from './bag.ts'
import { type AnswerCache, Claim, type KeptAnswer } from './cache/answer-cache.ts'
import { Call, isTooLate, refuse } from './call.ts'
import { canonicalTarget } from './canonical-target.ts'
import type { ClientRequest, ClientResponse } from './client-side.ts'
import type { Credentials } from './credentials.ts'
import type { HoldQueue } from './hold-queue.ts'
import { SecondResponse } from './http2-message.ts'
import type { Admission, Concern, Limits } from './limits/limits.ts'
import type { Observation } from './observation.ts'
import type { Settings } from './options.ts'
import { readHead } from './request-head.ts'
import { refusalOf } from './request-rules.ts'
import type { Side } from './route-table.ts'
import { type Decision, decide, type Placement, type RoutingOptions, tooLarge } from './routing.ts'
import type { Shadow } from './shadow.ts'
import { watchBody } from './slow-body.ts'
import { dispatchCall, SAFE, Trip } from './trip.ts'
import type { Upstream } from './upstreams.ts'

export interface ForwarderParts extends RoutingOptions {
  readonly settings: Settings
  readonly queue: HoldQueue
  readonly shadow: Shadow
  readonly limits: Limits
  /** Null where no answers are kept. */
  readonly cache: AnswerCache | null
  readonly observation: Observation
  readonly log: Logger
}

/** Takes requests in, asks `decide` what to do with them, and does it. */
export class Forwarder {
  readonly parts: ForwarderParts
  /** Calls that are not over; what a graceful close waits for. */
  readonly calls = new Bag<Call>()
  /** Called after each call once the gateway closes; until then null. */
  #onOver: (() => void) | null = null

  constructor(parts: ForwarderParts) {
    this.parts = parts
  }

  /**
   * A request arrives.
   *
   * @param socket the client's connection when it asks for an upgrade; else null.
   * @param expectsContinue the client waits for "100 Continue" before it sends the body.
   */
  take(
    request: ClientRequest,
    response: ClientResponse,
    socket: Duplex | null,
    expectsContinue: boolean,
  ): void {
    if (isTooLate(request)) return
    const { authenticator, limits, settings } = this.parts
    const refusal = refusalOf(request)
    if (refusal) {
      const { status, reason, headers = [] } = refusal
      const problem = new BanyanError('BAD_REQUEST', { reason })
      refuse(request, response, problem, status, { lost: true, headers })
      this.parts.observation.unread(request, problem, status)
      return
    }
    let call: Call
    try {
      const { remoteAddress } = request.socket
      const head = readHead(
        request.rawHeaders,
        remoteAddress,
        settings.tls ? 'https' : 'http',
        authenticator.trustedHeader,
        limits.isProxy(remoteAddress),
      )
      call = new Call(request, response, head, canonicalTarget(request.url!, head.host), socket)
    } catch (error) {
      this.refuseUnread(request, response, error as Error)
      return
    }
    call.expectsContinue = expectsContinue
    this.calls.add(call)
    this.parts.observation.began(call)
    if (this.#onOver) response.shouldKeepAlive = false
    response.on('close', () => this.#closed(call))
    if (call.head.bodyLength !== 0 && !socket) {
      const { bodyMs } = settings.timeouts
      const excused = () => call.held !== null || call.expectsContinue
      call.endWatch = watchBody(request, bodyMs, excused, () => call.tooSlow(bodyMs))
    }
    this.#limit(call)
  }

  /** Refuses a request whose head cannot be read. */
  refuseUnread(
    request: ClientRequest,
    response: ClientResponse,
    error: Error,
    status = asProblem(error).status,
  ): void {
    const problem = asProblem(error)
    refuse(request, response, problem, status, { lost: true })
    this.parts.observation.unread(request, problem, status)
  }

  /**
   * From now on every answer ends its connection; `onOver` is called after each.
   *
   * @param streamMs streams would not end by themselves; each is ended at a moment within this time, ms, so that their
   *   clients do not all connect again, elsewhere, at once.
   */
  close(onOver: () => void, streamMs: number): void {
    this.#onOver = onOver
    for (const call of this.calls) {
      call.response.shouldKeepAlive = false
      if (streamMs === 0) call.endStream?.()
      else if (call.endStream) setTimeout(call.endStream, Math.random() * streamMs).unref()
    }
    if (streamMs === 0) return
    // What became a stream since.
    setTimeout(() => {
      for (const call of this.calls) call.endStream?.()
    }, streamMs).unref()
  }

  /** Goes on with a call by the newest table. */
  route(call: Call): void {
    if (call.gone) return
    let decision: Decision
    try {
      decision = decide(call, this.parts)
    } catch (error) {
      call.refuse(asProblem(error))
      return
    }
    this.#act(call, decision)
  }

  /** Nothing more will come of a call. */
  over(call: Call): void {
    if (this.calls.delete(call)) this.parts.observation.ended(call)
  }

  #act(call: Call, decision: Decision): void {
    if (decision.do === 'pass') this.#pass(call)
    else if (decision.do === 'send') this.send(call, decision.placement)
    else if (decision.do === 'authenticate') this.#authenticate(call)
    else if (decision.do === 'read body') this.#readBody(call)
    else if (decision.do === 'hold') this.#hold(call, decision.placement)
    else if (decision.do === 'wait') this.#hold(call, null)
    else call.refuse(decision.error)
  }

  /** To the side it was placed at. */
  send(call: Call, placement: Placement): void {
    const kept = this.parts.cache?.look(call, placement) ?? null
    if (kept && !(kept instanceof Claim)) this.#answer(call, placement, kept)
    else this.#dispatch(call, placement, placement.route.extraction[placement.side], kept)
  }

  /** Once more after `from` said that it does not own the row: the newest table decides, else the other side. */
  replay(call: Call, from: Side): void {
    const decision = this.#tryDecide(call)
    if (decision?.do !== 'send' || decision.placement.side !== from) this.route(call)
    else this.send(call, { ...decision.placement, side: from === 'target' ? 'source' : 'target' })
  }

  #pass(call: Call): void {
    const { cache, tables } = this.parts
    // What is kept of who writes must go, wherever he writes.
    if (!cache?.isOn || SAFE.has(call.method) || call.credentials) {
      this.#dispatch(call, null, tables.current!.monolith)
      return
    }
    this.#recognise(call, (known) => {
      call.credentials = known
      this.#dispatch(call, null, tables.current!.monolith)
    })
  }

  /** By what was kept: no side is asked. */
  #answer(call: Call, placement: Placement, { headers, body, madeAt }: KeptAnswer): void {
    const { response, head, limitHeaders } = call
    const ageS = Math.floor((this.parts.settings.now() - madeAt) / 1000)
    const own = ['age', String(ageS), CORRELATION_HEADER, head.correlationId]
    call.placement = placement
    call.side = 'none'
    call.cached = true
    call.bytesOut = body.length
    response.sendDate = false
    response.writeHead(200, [...headers, ...own, ...limitHeaders])
    response.end(body)
  }

  /** Unless the side is not to be asked now: then the call is refused, and no other side is tried. */
  #dispatch(
    call: Call,
    placement: Placement | null,
    upstream: Upstream,
    claim: Claim | null = null,
  ): void {
    const settle = upstream.guard.enter(call.retried)
    if (settle) {
      const trip = new Trip(this, call, placement, upstream, settle, claim)
      if (trip.isSafe) dispatchCall(call, trip, this.parts)
      else afterArrivals(() => dispatchCall(call, trip, this.parts))
      return
    }
    claim?.end()
    call.placement = placement
    if (placement) {
      const { name } = placement.route.extraction
      this.parts.tables.state(name).counters[placement.side].unserved()
    }
    call.refuse(upstream.guard.refusal(upstream.name))
  }

  /** Counts a call that has just arrived, and goes on with it if it may. */
  #limit(call: Call): void {
    const concern = this.parts.limits.concern(call)
    if (concern.limits.length === 0) this.route(call)
    else if (!concern.asksUser) this.#admit(call, concern, null)
    // Who cannot be told now counts by address; a moved route asks again, and refuses.
    else this.#recognise(call, (known) => this.#admit(call, concern, known))
  }

  /** Goes on with who asks; with null where that cannot be told now. */
  #recognise(call: Call, then: (known: Credentials | null) => void): void {
    let credentials: Credentials | Promise<Credentials> | null = null
    try {
      credentials = this.parts.authenticator.verify(call.head, call.connection)
    } catch {
      // A key set or database that is away.
    }
    if (credentials instanceof Promise) credentials.then(then, () => then(null))
    else then(credentials)
  }

  #admit(call: Call, concern: Concern, credentials: Credentials | null): void {
    call.credentials = credentials
    const admission = this.parts.limits.admit(call, concern)
    if (admission instanceof Promise) admission.then((late) => this.#judge(call, late))
    else this.#judge(call, admission)
  }

  #judge(call: Call, { error, headers }: Admission): void {
    call.limitHeaders = headers
    if (error) call.refuse(error)
    else this.route(call)
  }

  #authenticate(call: Call): void {
    const { authenticator, log } = this.parts
    const cannot = (error: unknown) => {
      const problem = asProblem(error)
      log.warn({ code: problem.code, reason: problem.message }, 'credentials could not be checked')
      call.refuse(problem, problem.status === 502 ? 503 : problem.status)
    }
    try {
      const credentials = authenticator.verify(call.head, call.connection)
      if (!(credentials instanceof Promise)) {
        call.credentials = credentials
        this.route(call)
        return
      }
      credentials.then((known) => {
        call.credentials = known
        this.route(call)
      }, cannot)
    } catch (error) {
      cannot(error)
    }
  }

  #readBody(call: Call): void {
    const { request } = call
    const chunks: Buffer[] = []
    let size = 0
    call.continueIfExpected()
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > this.parts.settings.replayBytes) {
        request.removeAllListeners('data')
        request.pause()
        call.refuse(tooLarge(this.parts))
      } else chunks.push(chunk)
    })
    request.on('end', () => {
      call.body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      this.route(call)
    })
  }

  #hold(call: Call, placement: Placement | null): void {
    const { queue, settings } = this.parts
    const counters = placement && this.parts.tables.state(placement.route.extraction.name).counters
    if (call.heldSince === 0) {
      call.heldSince = settings.now()
      call.placement = placement
      if (counters) counters.held++
    }
    const heldMs = () => {
      call.heldMs = settings.now() - call.heldSince
      return call.heldMs
    }
    let budgetMs = settings.timeouts.firstTableMs
    const look = () => {
      const decision = this.#tryDecide(call)
      if (decision?.do === 'hold') budgetMs = decision.budgetMs
      return decision?.do
    }
    look()
    const held = {
      bytes: call.body?.length ?? Math.min(call.head.bodyLength ?? UNREAD_BYTES, UNREAD_BYTES),
      since: call.heldSince,
      budgetMs: () => budgetMs,
      isHeld: () => look() === (placement ? 'hold' : 'wait'),
      release: () => {
        call.held = null
        if (counters) {
          counters.released++
          counters.heldFor(heldMs())
        }
        this.route(call)
      },
      expire: () => {
        call.held = null
        if (!counters) {
          call.refuse(
            this.parts.leaseProblem() ??
              new BanyanError('LEASE_LOST', { agoMs: Math.round(heldMs()) }),
          )
          return
        }
        counters.refused++
        counters.heldFor(heldMs())
        const values = { heldMs: Math.round(heldMs()), budgetMs }
        call.refuse(new BanyanError('HELD_TOO_LONG', values))
      },
    }
    if (queue.add(held)) {
      call.held = held
      return
    }
    if (counters) counters.refused++
    const values = { held: queue.size, limit: settings.hold.requests }
    call.refuse(new BanyanError('HOLD_QUEUE_FULL', values))
  }

  #tryDecide(call: Call): Decision | null {
    try {
      return decide(call, this.parts)
    } catch {
      return null
    }
  }

  #closed(call: Call): void {
    call.endWatch?.()
    if (this.#onOver) setImmediate(this.#onOver)
    if (call.joined) return
    const { response } = call
    call.gone = response instanceof SecondResponse ? !response.isWhole : !response.writableFinished
    if (call.gone && call.held) call.heldMs = this.parts.settings.now() - call.heldSince
    this.over(call)
    if (!call.gone) return
    if (call.held && this.parts.queue.remove(call.held)) {
      const decision = this.#tryDecide(call)
      if (decision?.do === 'hold') {
        this.parts.tables.state(decision.placement.route.extraction.name).counters.abandoned++
      }
    }
    call.abort?.()
  }
}

/**
 * Calls back once all that has arrived by now was read. A write is not sent twice, so it must not be sent on a kept
 * connection whose end has come and was not read yet, in a turn of the event loop that took long. The end of a connection
 * that comes later still cannot be told from a write that was lost after it was done.
 */
function afterArrivals(then: () => void): void {
  // The first is called before anything else is read, the second after.
  setImmediate(() => setImmediate(then))
}

/** What Node may have read of a body that the gateway has not asked for. */
const UNREAD_BYTES = 64 * 1024

function asProblem(error: unknown): BanyanError {
  if (error instanceof BanyanError) return error
  return new BanyanError('BAD_REQUEST', { reason: (error as Error).message }, { cause: error })
}
