import { constants, createServer, type Http2Server, type ServerHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { SecondRequest, SecondResponse } from './http2-message.ts'

/** Requests at a time on one connection: what RFC 9113, 6.5.2 recommends at least. */
const STREAMS = 100
/** Requests that a client may take back on one connection within `RESETS_MS`; a browser that is navigated takes back dozens. */
const RESETS = 200
const RESETS_MS = 10_000
/** Body bytes that may be on their way, of one request and of all on a connection. */
const STREAM_WINDOW = 256 * 1024
const CONNECTION_WINDOW = 1024 * 1024
/** More fields than a request may have, so that the refusal is ours to say. */
const FIELDS = 256
/** Connections without a request are ended after this time, ms, as those of HTTP/1 are. */
const IDLE_MS = 65_000

/** What is known of one connection. */
interface Watched {
  open: number
  /** Since when it has no request; of a new one, so as to end it after `headMs`. */
  endsAt: number
  resets: number
  resetsSince: number
}

export interface SecondServerOptions {
  /** Until the first request of a connection is there, ms. */
  readonly headMs: number
  readonly take: (
    request: SecondRequest,
    response: SecondResponse,
    expectsContinue: boolean,
  ) => void
  /** `CONNECT` is none of ours, in any form. */
  readonly refuseConnect: (request: SecondRequest, response: SecondResponse) => void
}

/** Connections of HTTP/2, taken from a server of TLS, within bounds. */
export class SecondServer {
  readonly #server: Http2Server
  readonly #sessions = new Map<ServerHttp2Session, Watched>()
  readonly #timer: NodeJS.Timeout
  /** Connections that were ended, since too many of their requests were taken back. */
  flooded = 0

  constructor({ headMs, take, refuseConnect }: SecondServerOptions) {
    const resets = { streamResetBurst: RESETS, streamResetRate: RESETS / (RESETS_MS / 1000) }
    this.#server = createServer({
      settings: { maxConcurrentStreams: STREAMS, initialWindowSize: STREAM_WINDOW },
      maxHeaderListPairs: FIELDS,
      // Node's own bound, which its types do not know yet.
      ...resets,
      Http2ServerRequest: SecondRequest,
      Http2ServerResponse: SecondResponse as never,
    })
    this.#server.on('session', (session) => this.#watch(session, headMs))
    // Broken frames and connections: the session ends by itself.
    this.#server.on('sessionError', () => {})
    const typed = (expectsContinue: boolean) => (request: unknown, response: unknown) =>
      take(request as SecondRequest, response as SecondResponse, expectsContinue)
    this.#server.on('request', typed(false))
    this.#server.on('checkContinue', typed(true))
    this.#server.on('connect', (request: unknown, response: unknown) =>
      refuseConnect(request as SecondRequest, response as SecondResponse),
    )
    this.#timer = setInterval(() => this.#endIdle(), Math.min(headMs, IDLE_MS) / 5).unref()
  }

  get connections(): number {
    return this.#sessions.size
  }

  accept(socket: TLSSocket): void {
    this.#server.emit('connection', socket)
  }

  /** Takes no more requests; connections end with the last one that is under way. */
  endIdle(): void {
    for (const session of this.#sessions.keys()) session.close()
  }

  destroy(): void {
    for (const session of this.#sessions.keys()) session.destroy()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #watch(session: ServerHttp2Session, headMs: number): void {
    const now = performance.now()
    const watched: Watched = { open: 0, endsAt: now + headMs, resets: 0, resetsSince: now }
    this.#sessions.set(session, watched)
    session.setLocalWindowSize(CONNECTION_WINDOW)
    session.on('close', () => this.#sessions.delete(session))
    session.on('stream', (stream) => {
      watched.open++
      stream.on('close', () => {
        if (--watched.open === 0) watched.endsAt = performance.now() + IDLE_MS
        if (stream.aborted) this.#countReset(session, watched)
      })
    })
  }

  /** CVE-2023-44487: a request that is taken back at once costs its client nothing, and an upstream a request. */
  #countReset(session: ServerHttp2Session, watched: Watched): void {
    const now = performance.now()
    if (now - watched.resetsSince > RESETS_MS) {
      watched.resets = 0
      watched.resetsSince = now
    }
    if (++watched.resets < RESETS || session.destroyed) return
    this.flooded++
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    session.destroy()
  }

  #endIdle(): void {
    const now = performance.now()
    for (const [session, { open, endsAt }] of this.#sessions) {
      if (open > 0 || now < endsAt) continue
      session.close()
      // A client that does not take the hint; a head that was begun and is not whole.
      if (now > endsAt + IDLE_MS) session.destroy()
    }
  }
}
