import type { AccessLogSetting } from '@banyan/contracts'
import type { Call } from './call.ts'
import { groupOf } from './request-counters.ts'

/**
 * Lines are written together, characters: 4,000 bytes at a time each cost 14 µs of a request's 50, mostly in
 * the thread that writes.
 */
const TOGETHER = 32_000
/** How long a line may wait for others, ms; a process that is killed loses as much. */
const WAIT_MS = 250
/** As pino numbers "info". */
const INFO = 30

export interface AccessLogOptions extends AccessLogSetting {
  readonly gateway: string
  /** Takes whole lines, several at once. */
  readonly write: (lines: string) => void
  /** 0 to 1, to sample by. */
  readonly random: () => number
}

/** One JSON line for each request that is over: what it was about and what came of it, not who asked. */
export class AccessLog {
  readonly #options: AccessLogOptions
  readonly #share: number
  #lines = ''
  #timer: NodeJS.Timeout | null = null

  constructor(options: AccessLogOptions) {
    this.#options = options
    this.#share = options.share ?? 1
  }

  /** @param status null when its client left before the end of the answer. */
  ended(call: Call, status: number | null, ms: number): void {
    const notable = status === null || status >= 500 || call.refusal !== null
    if (!notable && this.#share < 1 && this.#options.random() >= this.#share) return
    const { placement, response } = call
    this.#add({
      method: call.method,
      ...(placement
        ? {
            extraction: placement.route.extraction.name,
            route: placement.route.path,
            bucketGroup: groupOf(placement.bucket),
          }
        : {}),
      ...(this.#options.paths ? { path: call.target.path } : {}),
      side: call.side,
      status: status ?? (response.headersSent ? response.statusCode : 0),
      ms: rounded(ms),
      upstreamMs: rounded(call.upstreamMs),
      ...(call.heldMs > 0 ? { heldMs: rounded(call.heldMs) } : {}),
      bytesIn: call.head.bodyLength,
      bytesOut: call.bytesOut,
      correlationId: call.head.correlationId,
      traceId: call.traceId,
      ...(call.refusal === null ? {} : { refused: call.refusal }),
      ...(status === null ? { left: true } : {}),
      ...(call.cached ? { cached: true } : {}),
      ...(call.retried ? { retried: true } : {}),
      ...(call.replayed ? { replayed: true } : {}),
    })
  }

  /** A request whose head could not be read: nothing of it is told but why. */
  unread(method: string, status: number, code: string): void {
    this.#add({ method, side: 'none', status, refused: code })
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const lines = this.#lines
    this.#lines = ''
    if (lines !== '') this.#options.write(lines)
  }

  #add(what: object): void {
    const { gateway } = this.#options
    const line = { level: INFO, time: Date.now(), gateway, ...what, msg: 'request' }
    this.#lines += `${JSON.stringify(line)}\n`
    if (this.#lines.length >= TOGETHER) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), WAIT_MS).unref()
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100
}
