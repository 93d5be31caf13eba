import { isIP } from 'node:net'
import {
  type Address,
  type AnswerHandler,
  type Asked,
  Connection,
  ConnectionLost,
  type ConnectionOwner,
  type Keeping,
} from './connection.ts'
import { requestText, type WholeRequest } from './request-text.ts'

export interface ConnectionsOptions extends Keeping {
  /** Connections at most. */
  readonly connections: number
  readonly connectMs: number
}

/** Idle connections that were kept too long are looked for this often, ms. */
const SWEEP_MS = 1_000

/**
 * The connections to one origin, for requests that are whole. undici's clients do the same and more, and take half as much
 * again of a request's CPU: decision 085.
 */
export class Connections implements ConnectionOwner {
  readonly #options: ConnectionsOptions
  readonly #address: Address
  readonly #host: string
  readonly #all = new Set<Connection>()
  /** The one that was used last is the last: the others may grow old. */
  #free: Connection[] = []
  #waiting: Asked[] = []
  #isServing = false
  #sweep: NodeJS.Timeout | null = null
  #isClosing = false
  tlsSession: Buffer | undefined

  constructor(origin: URL, options: ConnectionsOptions) {
    this.#options = options
    this.#host = origin.host
    const isTls = origin.protocol === 'https:'
    const hostname = origin.hostname.replace(/^\[|\]$/g, '')
    this.#address = {
      hostname,
      port: Number(origin.port || (isTls ? 443 : 80)),
      servername: isTls ? (isIP(hostname) === 0 ? hostname : '') : null,
      connectMs: options.connectMs,
    }
  }

  get stats(): { readonly open: number; readonly idle: number; readonly waiting: number } {
    let open = 0
    for (const connection of this.#all) if (connection.isOpen) open++
    const waiting = this.#waiting.length + this.#all.size - open
    return { open, idle: this.#free.length, waiting }
  }

  /** Sends a request, and tells `handler` what comes of it; never at once. */
  dispatch(request: WholeRequest, handler: AnswerHandler): void {
    let text: string
    try {
      text = requestText(request, this.#host)
    } catch (error) {
      handler.onError(error as Error)
      return
    }
    this.#waiting.push({ request, text, handler })
    this.#serveSoon()
  }

  /** Finishes what it is doing, and keeps no connection. */
  close(): void {
    this.#isClosing = true
    for (const connection of this.#free) connection.destroy()
  }

  /** Ends all; what is on its way fails. */
  destroy(): void {
    this.close()
    for (const connection of this.#all) connection.destroy()
    const waiting = this.#waiting
    this.#waiting = []
    for (const { handler } of waiting) handler.onError(new ConnectionLost('ECONNABORTED', false))
  }

  onFree(connection: Connection): void {
    if (this.#isClosing) {
      connection.destroy()
      return
    }
    this.#free.push(connection)
    this.#sweep ??= setTimeout(() => this.#sweepFree(), SWEEP_MS).unref()
    if (this.#waiting.length > 0) this.#serveSoon()
  }

  onGone(connection: Connection): void {
    this.#all.delete(connection)
    const at = this.#free.indexOf(connection)
    if (at !== -1) this.#free.splice(at, 1)
    if (this.#waiting.length > 0) this.#serveSoon()
  }

  /**
   * Not at once: what has arrived by now is read before anything is sent on a kept connection, so that its end is known, and
   * bytes that nobody asked for are not taken for the answer (GHSA-35p6-xmwp-9g52 of undici).
   */
  #serveSoon(): void {
    if (this.#isServing) return
    this.#isServing = true
    setImmediate(() => this.#serve())
  }

  #serve(): void {
    this.#isServing = false
    const waiting = this.#waiting
    this.#waiting = []
    for (let i = 0; i < waiting.length; i++) {
      const asked = waiting[i]!
      const kept = this.#takeFree()
      if (kept) kept.send(asked)
      else if (this.#all.size < this.#options.connections) this.#open(asked)
      else {
        // In their order, before those that came meanwhile.
        this.#waiting = [...waiting.slice(i), ...this.#waiting]
        return
      }
    }
  }

  #open(asked: Asked): void {
    this.#all.add(new Connection(this, this.#address, this.#options, asked))
  }

  #takeFree(): Connection | null {
    for (;;) {
      const connection = this.#free.pop()
      if (!connection) return null
      if (!connection.isFree) continue
      if (connection.keptUntil > performance.now()) return connection
      connection.destroy()
    }
  }

  #sweepFree(): void {
    this.#sweep = null
    const now = performance.now()
    for (const connection of this.#free) if (connection.keptUntil <= now) connection.destroy()
    if (this.#free.length > 0) {
      this.#sweep = setTimeout(() => this.#sweepFree(), SWEEP_MS).unref()
    }
  }
}
