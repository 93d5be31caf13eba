import { type Logger, pino } from 'pino'
import { AccessLog } from './access-log.ts'
import type { Settings } from './options.ts'

/** Lines kept for a reader that is behind, bytes; more are dropped and counted. */
const KEPT_BYTES = 4 * 1024 * 1024

/** Standard output that nobody waits for. */
export interface Output {
  /** Takes whole lines. */
  readonly stream: ReturnType<typeof pino.destination>
  /** Writes that nobody read fast enough. */
  dropped(): number
}

/** Does not wait for who reads standard output: work goes on, and lines are dropped. */
export function openOutput(): Output {
  let dropped = 0
  const stream = pino.destination({ dest: 1, sync: false, maxLength: KEPT_BYTES })
  stream.on('drop', () => dropped++)
  // Whoever read it is gone.
  stream.on('error', () => dropped++)
  return { stream, dropped: () => dropped }
}

/** What a gateway writes: lines about itself, and about requests. */
export interface Logs {
  readonly log: Logger
  /** Null where only trouble is logged. */
  readonly access: AccessLog | null
  /** Lines that nobody read fast enough. */
  dropped(): number
  close(): void
}

/** Both logs go through one stream, or a line of the one would come to stand within one of the other. */
export function openLogs(settings: Settings): Logs {
  const { id, accessLog, logLevel = 'info', writeAccess } = settings
  const { stream: out, dropped } = openOutput()
  const log = pino({ name: 'gateway', level: logLevel }, out).child({ gateway: id })
  const told = writeAccess !== undefined || logLevel === 'info' || logLevel === 'debug'
  const write = writeAccess ?? ((lines: string) => out.write(lines))
  const access = told
    ? new AccessLog({ ...accessLog, gateway: id, write, random: Math.random })
    : null
  return {
    log,
    access,
    dropped,
    close() {
      access?.flush()
      // Ends without closing standard output.
      out.end()
    },
  }
}
