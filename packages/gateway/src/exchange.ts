import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { BanyanError } from '@banyan/contracts'
import type { Dispatcher } from 'undici'
import { type Call, endConnection } from './call.ts'
import { type ResponseHead, readResponseHead } from './response-head.ts'
import { joinSockets } from './upgrade.ts'
import { BadAnswer } from './upstream/answer-parser.ts'
import { type AnswerHandler, ConnectionLost } from './upstream/connection.ts'

/** What becomes of one dispatched request; `Forwarder` decides, `Exchange` moves the bytes. */
export interface Outcome {
  /** Right before the bytes leave: an error here keeps them from leaving. */
  check(): BanyanError | null
  /** The head of an answer that goes to the client has come. */
  answering(status: number, head: ResponseHead): void
  /** The side answered that it does not own the row. @returns whether to drop the answer and ask elsewhere. */
  notOwner(): boolean
  /** The answer is one that does not end by itself. */
  streaming(end: () => void): void
  /** The answer's body as it passes. */
  data?(chunk: Buffer): void
  /** The side is through with it: status 0 when it failed, was aborted or answered nothing. */
  finished(status: number, head: ResponseHead | null): void
  /** Failed before an answer began. */
  failed(error: Error): void
  /** The dropped answer is over. */
  again(): void
}

/**
 * One request at one upstream: undici's handler on one end, the client's response on the other. The
 * callbacks are undici's raw ones: parsing headers into objects and wrapping bodies in streams costs half
 * of what a proxied request may cost.
 */
export class Exchange implements Dispatcher.DispatchHandler, AnswerHandler {
  readonly #call: Call
  readonly #outcome: Outcome
  #abort: ((error?: Error) => void) | null = null
  #head: ResponseHead | null = null
  #status = 0
  #received = 0
  #resume: (() => void) | null = null
  #listening = false
  #dropping = false
  #over = false

  constructor(call: Call, outcome: Outcome) {
    this.#call = call
    this.#outcome = outcome
    call.abort = () => this.#leave()
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    const refusal = this.#call.gone ? new ClientGone() : this.#outcome.check()
    if (refusal) abort(refusal)
  }

  onHeaders(
    status: number,
    raw: readonly (Buffer | string)[],
    resume: () => void,
    statusText: string,
  ): boolean {
    if (status < 200) return true
    const call = this.#call
    const head = readResponseHead(raw, call.head.correlationId)
    if (head.otherCoding) {
      this.#abort?.(new UnknownCoding())
      return false
    }
    this.#head = head
    this.#status = status
    this.#resume = resume
    if (head.notOwner && this.#outcome.notOwner()) {
      this.#dropping = true
      return true
    }
    if (!head.notOwner) this.#outcome.answering(status, head)
    const { response, limitHeaders } = call
    for (const text of limitHeaders) head.headers.push(text)
    // Answered before the request was read: what is left of it would be taken for the next request.
    if (call.hasUnreadBody && !call.request.complete) {
      head.headers.push(...endConnection(call.request))
    }
    response.sendDate = false
    response.writeHead(status, statusText, head.headers)
    if (head.contentType === 'text/event-stream') {
      response.flushHeaders()
      this.#outcome.streaming(() => this.#end())
    } else if (head.contentLength === -1) {
      // Not to wait for the first byte of a slow body; but with it, when it came along.
      setImmediate(() => {
        if (this.#received === 0 && !this.#over && !call.gone) response.flushHeaders()
      })
    }
    return true
  }

  onData(chunk: Buffer): boolean {
    if (this.#dropping) return true
    const { response } = this.#call
    this.#received += chunk.length
    this.#call.bytesOut = this.#received
    this.#outcome.data?.(chunk)
    if (this.#received === this.#head!.contentLength) {
      // One write for the last piece and the end.
      response.end(chunk)
      return true
    }
    if (response.write(chunk)) return true
    if (!this.#listening) {
      this.#listening = true
      response.on('drain', () => {
        if (!this.#over) this.#resume?.()
      })
    }
    return false
  }

  onComplete(trailers: string[] | null): void {
    if (this.#over) return
    this.#over = true
    this.#call.abort = null
    if (this.#dropping) {
      this.#outcome.again()
      return
    }
    const { response } = this.#call
    if (trailers && trailers.length > 0 && !response.writableEnded) {
      response.addTrailers(pairs(trailers))
    }
    if (!response.writableEnded) response.end()
    this.#outcome.finished(this.#status, this.#head)
  }

  onError(error: Error): void {
    if (this.#over) return
    if (isWithoutBody(this.#status) && isOtherLength(error)) {
      this.onComplete(null)
      return
    }
    this.#over = true
    this.#call.abort = null
    if (this.#dropping) {
      this.#outcome.again()
      return
    }
    if (!this.#call.gone && !this.#call.response.headersSent) {
      this.#outcome.failed(error)
      return
    }
    if (!this.#call.gone && !this.#call.response.writableEnded) {
      this.#call.cut = true
      this.#call.response.destroy()
    }
    this.#outcome.finished(this.#call.gone ? 0 : 502, null)
  }

  onUpgrade(status: number, raw: Buffer[] | string[] | null, upstream: Duplex): void {
    const { socket, response } = this.#call
    if (this.#call.gone || !socket) {
      upstream.destroy()
      this.#over = true
      this.#outcome.finished(0, null)
      return
    }
    this.#call.joined = true
    // Only HTTP/1 is asked to upgrade.
    ;(response as ServerResponse).detachSocket(socket as Socket)
    const end = joinSockets(socket, upstream, status, raw ?? [], () => {
      if (this.#over) return
      this.#over = true
      this.#call.bytesOut = (upstream as Socket).bytesRead
      this.#outcome.finished(status, null)
    })
    this.#call.abort = end
    this.#outcome.streaming(end)
  }

  #leave(): void {
    this.#abort?.(new ClientGone())
    // Still waiting for a connection: `onConnect` finds the client gone.
  }

  /** Ends a stream that would go on: the client sees it end whole, and connects anew. */
  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#call.abort = null
    this.#call.response.end()
    this.#abort?.(new StreamEnded())
    this.#outcome.finished(this.#status, this.#head)
  }
}

/** RFC 9112, 6.3: whatever its headers say. */
function isWithoutBody(status: number): boolean {
  return status === 204 || status === 304
}

/** undici waits for the length that a 304 names, which is that of the body it stands for. */
function isOtherLength(error: Error): boolean {
  return (error as Error & { code?: string }).code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'
}

class ClientGone extends Error {}
class UnknownCoding extends Error {
  override readonly name = 'unknown transfer coding'
}
class StreamEnded extends Error {}

function pairs(flat: readonly (string | Buffer)[]): [string, string][] {
  const result: [string, string][] = []
  for (let i = 0; i < flat.length; i += 2) result.push([String(flat[i]), String(flat[i + 1])])
  return result
}

/** What a failure before the answer is called to the client. */
export function problemOf(error: Error, upstream: string, timeoutMs: number): BanyanError {
  if (error instanceof BanyanError) return error
  if (error instanceof BadAnswer) {
    return new BanyanError('UPSTREAM_UNREACHABLE', { upstream, reason: error.message })
  }
  const code = (error as Error & { code?: string }).code ?? error.name
  if (code === 'UND_ERR_INVALID_ARG') {
    return new BanyanError('BAD_REQUEST', { reason: error.message })
  }
  if (/TIMEOUT|ETIMEDOUT/.test(code)) {
    return new BanyanError('UPSTREAM_TIMEOUT', { upstream, timeoutMs })
  }
  return new BanyanError('UPSTREAM_UNREACHABLE', { upstream, reason: code })
}

/** Whether the connection failed: nothing of an answer had come, and none is to be waited for. */
export function isConnectionFailure(error: Error): boolean {
  const { code } = error as Error & { code?: string }
  return code !== undefined && CONNECTION_FAILURES.has(code)
}

const CONNECTION_FAILURES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ECONNREFUSED'])

/** Whether it was one that had been kept: closed under the request, most likely since it was idle too long. */
export function wasKept(error: Error): boolean {
  if (error instanceof ConnectionLost) return error.kept
  const { socket } = error as Error & { socket?: { bytesRead?: number } }
  return (socket?.bytesRead ?? 0) > 0
}
