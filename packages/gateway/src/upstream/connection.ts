import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type AnswerHead, AnswerParser, type AnswerSink } from './answer-parser.ts'
import { isLastOfItsConnection, type WholeRequest } from './request-text.ts'

/** Who asked, and hears what comes of it. What is called after `onError` and `onComplete` is over. */
export interface AnswerHandler {
  /** Right before the request is sent. @param abort ends it; before it is sent, it is not. */
  onConnect(abort: (error?: Error) => void): void
  /**
   * @param fields flat names and values.
   * @param resume goes on after false, or false of `onData`, was returned.
   */
  onHeaders(status: number, fields: string[], resume: () => void, reason: string): boolean
  onData(chunk: Buffer): boolean
  /** @param trailers flat names and values. */
  onComplete(trailers: string[]): void
  onError(error: Error): void
}

/** A request on its way. */
export interface Asked {
  readonly request: WholeRequest
  /** Its first line and fields. */
  readonly text: string
  readonly handler: AnswerHandler
}

/** Where a connection goes. */
export interface Address {
  readonly hostname: string
  readonly port: number
  /** Of its certificate; null without TLS. */
  readonly servername: string | null
  readonly connectMs: number
}

/** How long a connection is kept without a request, ms. */
export interface Keeping {
  /** Where its upstream does not say how long it keeps it (`Keep-Alive: timeout`). */
  readonly keepMs: number
  /** Where it does: a little less than it says, and this at most. */
  readonly keepAtMostMs: number
}

/** Whose connections they are. */
export interface ConnectionOwner {
  /** With which the next connection need not begin TLS anew. */
  tlsSession: Buffer | undefined
  /** It may be asked the next thing. */
  onFree(connection: Connection): void
  /** It is over, and who asked was told. */
  onGone(connection: Connection): void
}

/** A connection that failed, or ended, under a request. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
  readonly code: string
  /** It had been kept: closed under the request, most likely since it was idle too long. */
  readonly kept: boolean

  constructor(code: string, kept: boolean) {
    super(`the connection to an upstream failed: ${code}`)
    this.code = code
    this.kept = kept
  }
}

/** The upstream took too long. */
class UpstreamTimeout extends Error {
  readonly code: string

  constructor(code: `${'CONNECT' | 'ANSWER' | 'BODY'}_TIMEOUT`) {
    super(`an upstream took too long: ${code}`)
    this.code = code
  }
}

/** Bodies up to this size, bytes, go out in one piece with what stands before them. */
const ONE_PIECE_BYTES = 16 * 1024
/** Keeps middle boxes from forgetting a connection, ms. */
const PROBE_MS = 60_000
/** A kept connection is closed this much before its upstream would, ms: what is sent meanwhile cannot be sent again. */
const MARGIN_MS = 2_000

/** One connection to an upstream, on which requests follow each other: the next is sent when all of an answer has come. */
export class Connection implements AnswerSink {
  /** On the clock of `performance`, ms: until when it may be kept without a request. */
  keptUntil = 0
  readonly #owner: ConnectionOwner
  readonly #keeping: Keeping
  readonly #socket: Socket
  readonly #parser = new AnswerParser(this)
  /** One function for all its requests. */
  readonly #resume = () => this.#goOn()
  #asked: Asked | null
  /** Whether anything of what is asked has left. */
  #isSent = false
  #isOpen = false
  /** Answers that it has brought. */
  #answers = 0
  #head: AnswerHead | null = null
  /** Nothing may follow what is asked now. */
  #isLast = false
  #paused = false
  #failure: Error | null = null
  /** When what is waited for must have come, on the clock of `performance`; nothing is while it is infinite. */
  #dueAt = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | null = null
  /** When it goes off: when it is due, or before. */
  #timerAt = Number.POSITIVE_INFINITY

  /** @param asked what it is opened for. */
  constructor(owner: ConnectionOwner, address: Address, keeping: Keeping, asked: Asked) {
    this.#owner = owner
    this.#keeping = keeping
    this.#asked = asked
    const { hostname: host, port, servername, connectMs } = address
    this.#socket =
      servername === null
        ? connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_MS })
        : this.#connectTls(host, port, servername)
    this.#socket.once(servername === null ? 'connect' : 'secureConnect', () => this.#opened())
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#socket.on('end', () => this.#ended())
    this.#socket.on('error', (error) => {
      this.#failure = error
    })
    this.#socket.on('close', () => this.#closed())
    this.#await(connectMs)
  }

  /** Whether it waits for a request. */
  get isFree(): boolean {
    return this.#isOpen && this.#asked === null && !this.#socket.destroyed
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Sends a request. It must be free. */
  send(asked: Asked): void {
    this.#asked = asked
    this.#isSent = false
    try {
      asked.handler.onConnect((error) => this.#abort(asked, error))
      // It may have been called off.
      if (this.#asked === asked) this.#write(asked)
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  #write({ request, text }: Asked): void {
    this.#isSent = true
    const { method, body, headersTimeout } = request
    this.#isLast = isLastOfItsConnection(request)
    this.#parser.expect(method)
    const socket = this.#socket
    if (!body) socket.write(text, 'latin1')
    else if (body.length <= ONE_PIECE_BYTES) socket.write(text + body.toString('latin1'), 'latin1')
    else {
      socket.cork()
      socket.write(text, 'latin1')
      socket.write(body)
      socket.uncork()
    }
    this.#await(headersTimeout)
  }

  /** Ends it at once; what is on its way fails. */
  destroy(): void {
    this.#socket.destroy()
  }

  head(head: AnswerHead): void {
    const asked = this.#asked!
    this.#head = head
    this.#await(asked.request.bodyTimeout)
    const { status, fields, reason } = head
    if (!asked.handler.onHeaders(status, fields, this.#resume, reason)) this.#pause()
  }

  data(chunk: Buffer): void {
    const asked = this.#asked!
    this.#await(asked.request.bodyTimeout)
    if (!asked.handler.onData(chunk)) this.#pause()
  }

  whole(trailers: string[]): void {
    const { handler } = this.#asked!
    this.#asked = null
    this.#answers++
    this.#dueAt = Number.POSITIVE_INFINITY
    handler.onComplete(trailers)
  }

  #opened(): void {
    const asked = this.#asked
    if (!asked || this.#socket.destroyed) return
    this.#isOpen = true
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#asked = null
    this.send(asked)
  }

  #read(chunk: Buffer): void {
    // Something that nobody asked for: whoever is answered with it next must not be.
    if (!this.#asked) {
      this.#socket.destroy()
      return
    }
    try {
      this.#parser.read(chunk)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    if (!this.#asked) this.#answered()
  }

  /** An answer is whole. */
  #answered(): void {
    const socket = this.#socket
    const { keeps, keepsSeconds } = this.#head!
    this.#head = null
    const { keepMs, keepAtMostMs } = this.#keeping
    const keptMs =
      keepsSeconds === null ? keepMs : Math.min(keepAtMostMs, keepsSeconds * 1000 - MARGIN_MS)
    // A request that was answered before it was sent whole: what comes behind it would be taken for the rest.
    if (!keeps || this.#isLast || keptMs <= 0 || socket.writableLength > 0) socket.destroy()
    if (socket.destroyed) return
    this.#goOn()
    this.keptUntil = performance.now() + keptMs
    this.#owner.onFree(this)
  }

  #abort(asked: Asked, error: Error = new Error('aborted')): void {
    if (this.#asked !== asked) return
    if (!this.#isSent && this.#isOpen) {
      this.#asked = null
      asked.handler.onError(error)
      this.keptUntil = performance.now() + this.#keeping.keepMs
      this.#owner.onFree(this)
    } else this.#fail(error)
  }

  /** Whoever asked is told, and the connection is over. */
  #fail(error: Error): void {
    const asked = this.#asked
    this.#asked = null
    this.#parser.stop()
    this.#socket.destroy()
    asked?.handler.onError(error)
  }

  /** The upstream sends no more. */
  #ended(): void {
    if (this.#asked) {
      try {
        this.#parser.finish()
      } catch (error) {
        this.#fail(error as Error)
      }
    }
    // Node ends its own half.
    if (!this.#asked) this.#socket.destroy()
  }

  #closed(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#asked) {
      const { code = 'ECONNRESET' } = (this.#failure ?? {}) as { code?: string }
      this.#fail(new ConnectionLost(code, this.#answers > 0))
    }
    this.#owner.onGone(this)
  }

  #pause(): void {
    // It may be over meanwhile.
    if (!this.#asked) return
    this.#paused = true
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#socket.pause()
  }

  #goOn(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#asked) this.#await(this.#asked.request.bodyTimeout)
    this.#socket.resume()
  }

  /** What comes next must come in so many ms. One timer serves many requests: it is set anew only to go off earlier. */
  #await(ms: number): void {
    if (this.#paused) return
    const now = performance.now()
    this.#dueAt = now + ms
    if (this.#dueAt < this.#timerAt) this.#setTimer(ms)
  }

  #setTimer(ms: number): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timerAt = this.#dueAt
    this.#timer = setTimeout(() => this.#look(), ms)
    this.#timer.unref()
  }

  #look(): void {
    this.#timer = null
    this.#timerAt = Number.POSITIVE_INFINITY
    if (this.#dueAt === Number.POSITIVE_INFINITY) return
    const leftMs = this.#dueAt - performance.now()
    // A timer may go off up to 1 ms early.
    if (leftMs > 1) this.#setTimer(Math.ceil(leftMs))
    // What came while this process did something else is read first.
    else setImmediate(() => this.#failIfDue())
  }

  #failIfDue(): void {
    if (performance.now() < this.#dueAt - 1) return
    const what = !this.#isOpen ? 'CONNECT' : this.#head ? 'BODY' : 'ANSWER'
    this.#fail(new UpstreamTimeout(`${what}_TIMEOUT`))
  }

  #connectTls(host: string, port: number, servername: string): Socket {
    const owner = this.#owner
    const { tlsSession } = owner
    const socket = connectTls({
      ...{ host, port, servername, ALPNProtocols: ['http/1.1'] },
      ...(tlsSession ? { session: tlsSession } : {}),
    })
    socket.on('session', (session) => {
      owner.tlsSession = session
    })
    return socket.setNoDelay(true).setKeepAlive(true, PROBE_MS)
  }
}
