import type { AccessLogSetting } from '@banyan/contracts'
import { type Logger, pino } from 'pino'
import type { Call } from './call.ts'
import { groupOf } from './request-counters.ts'

/**
 * Lines are written together, bytes: a write for each would cost as much as the request's routing. No more than a
 * pipe takes whole, so that no line of the process's other log comes to stand within one of these.
 */
const TOGETHER_BYTES = 4_000
const PIPE_BYTES = 4_096
/** How long a line may wait for others, ms; a process that is killed loses as much. */
const WAIT_MS = 250
/** Lines kept for a reader that is behind, bytes; more are dropped and counted. */
const KEPT_BYTES = 4 * 1024 * 1024

export interface AccessLogOptions extends AccessLogSetting {
  readonly gateway: string
  /** Where lines go; standard output by default. */
  readonly write?: ((line: string) => void) | undefined
  /** 0 to 1, to sample by. */
  readonly random: () => number
}

/** One JSON line for each request that is over: what it was about and what came of it, not who asked. */
export class AccessLog {
  readonly #log: Logger
  readonly #share: number
  readonly #paths: boolean
  readonly #random: () => number
  readonly #end: () => void
  /** Lines nobody will read. */
  dropped = 0

  constructor({ gateway, write, random, share = 1, paths = false }: AccessLogOptions) {
    this.#share = share
    this.#paths = paths
    this.#random = random
    const options = { base: { gateway }, timestamp: pino.stdTimeFunctions.epochTime }
    if (write) {
      this.#log = pino(options, { write })
      this.#end = () => {}
      return
    }
    const out = pino.destination({
      dest: 1,
      sync: false,
      minLength: TOGETHER_BYTES,
      maxWrite: PIPE_BYTES,
      maxLength: KEPT_BYTES,
      periodicFlush: WAIT_MS,
    })
    out.on('drop', () => this.dropped++)
    // Whoever read it is gone: requests go on.
    out.on('error', () => this.dropped++)
    this.#log = pino(options, out)
    this.#end = () => {
      out.flushSync()
      out.end()
    }
  }

  /** @param status null when its client left before the end of the answer. */
  ended(call: Call, status: number | null, ms: number): void {
    const notable = status === null || status >= 500 || call.refusal !== null
    if (!notable && this.#share < 1 && this.#random() >= this.#share) return
    const { placement, response } = call
    this.#log.info(
      {
        method: call.method,
        ...(placement
          ? {
              extraction: placement.route.extraction.name,
              route: placement.route.path,
              bucketGroup: groupOf(placement.bucket),
            }
          : {}),
        ...(this.#paths ? { path: call.target.path } : {}),
        side: call.side,
        status: status ?? (response.headersSent ? response.statusCode : 0),
        ms: rounded(ms),
        upstreamMs: rounded(call.upstreamMs),
        ...(call.heldMs > 0 ? { heldMs: rounded(call.heldMs) } : {}),
        bytesIn: call.head.bodyLength,
        bytesOut: call.bytesOut,
        correlationId: call.head.correlationId,
        ...(call.traceId === null ? {} : { traceId: call.traceId }),
        ...(call.refusal === null ? {} : { refused: call.refusal }),
        ...(status === null ? { left: true } : {}),
        ...(call.retried ? { retried: true } : {}),
        ...(call.replayed ? { replayed: true } : {}),
      },
      'request',
    )
  }

  /** A request whose head could not be read: nothing of it is told but why. */
  unread(method: string, status: number, code: string): void {
    this.#log.info({ method, side: 'none', status, refused: code }, 'request')
  }

  close(): void {
    try {
      this.#end()
    } catch {
      // Standard output is gone: so are its readers.
    }
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100
}
