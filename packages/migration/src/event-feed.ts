import { BanyanError } from '@banyan/contracts'
import type { FastifyReply } from 'fastify'
import type { Hub } from './hub.ts'
import type { ControlEvent, ControlStatus } from './status.ts'

const STATUS_INTERVAL_MS = 500
/** An event this often tells a reader of a quiet stream that it is still there; browsers do not tell of comments. */
const KEEP_ALIVE_MS = 5_000
/** A reader that has let this much pile up, bytes, is cut off; it begins anew with the state at that moment. */
const MOST_UNREAD = 4 * 1024 * 1024
const MOST_READERS = 200

type Response = FastifyReply['raw']

/** Tells any number of readers (server-sent events) of each ledger entry and each change of the state. */
export class EventFeed {
  readonly #status: () => Promise<ControlStatus>
  readonly #hub: Hub
  /** With the state each was told last. */
  readonly #readers = new Map<Response, string>()
  readonly #onEntry = (entry: unknown) => {
    for (const reader of this.#readers.keys()) send(reader, 'ledger', entry)
  }
  #timers: NodeJS.Timeout[] = []
  #telling = false

  constructor(hub: Hub, status: () => Promise<ControlStatus>) {
    this.#hub = hub
    this.#status = status
  }

  /**
   * Answers with the state now, and with what happens from then on until the reader leaves.
   *
   * @throws UNAVAILABLE when there are too many readers.
   */
  async follow(reply: FastifyReply): Promise<void> {
    if (this.#readers.size >= MOST_READERS) {
      throw new BanyanError('UNAVAILABLE', { reason: `${MOST_READERS} clients follow already.` })
    }
    reply.hijack()
    const { raw } = reply
    for (const [name, value] of Object.entries(reply.getHeaders())) raw.setHeader(name, value ?? '')
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    raw.flushHeaders()
    raw.once('close', () => this.#leave(raw))
    this.#readers.set(raw, '')
    if (this.#readers.size === 1) this.#begin()
    await this.#tell()
  }

  /** Ends every stream, so that a server that closes need not wait for its readers. */
  close(): void {
    for (const reader of this.#readers.keys()) reader.end()
  }

  #begin(): void {
    this.#hub.on('entry', this.#onEntry)
    this.#timers = [
      setInterval(() => this.#tell(), STATUS_INTERVAL_MS),
      setInterval(() => {
        for (const reader of this.#readers.keys()) write(reader, 'event: alive\ndata: {}\n\n')
      }, KEEP_ALIVE_MS),
    ]
  }

  #leave(reader: Response): void {
    this.#readers.delete(reader)
    if (this.#readers.size > 0) return
    this.#hub.off('entry', this.#onEntry)
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
  }

  /** One look for all readers. Those that come while it is under way are told at the next one. */
  async #tell(): Promise<void> {
    if (this.#telling) return
    this.#telling = true
    const now = await this.#status().catch(() => null)
    this.#telling = false
    if (!now) return
    const text = JSON.stringify(now.extractions)
    for (const [reader, last] of this.#readers) {
      if (last === text) continue
      this.#readers.set(reader, text)
      send(reader, 'status', now)
    }
  }
}

function send(reader: Response, event: ControlEvent['event'], data: unknown): void {
  write(reader, `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}

function write(reader: Response, text: string): void {
  if (reader.writableEnded) return
  reader.write(text)
  if (reader.writableLength > MOST_UNREAD) reader.destroy()
}
