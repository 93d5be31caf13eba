import { type Logger, pino } from 'pino'
import { currentScope } from './scope.ts'
import { withoutSecrets } from './secrets.ts'

export type Log = Logger

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * One JSON object a line, with the correlation and user id of what is being worked on. Secrets are
 * taken out of the finished line: whatever object or error was logged, however deep.
 *
 * @param write where lines go; stderr by default, since stdout carries the listening line alone
 */
export function createLog(
  service: string,
  level: LogLevel,
  write: (line: string) => void = (line) => process.stderr.write(line),
): Log {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin() {
        const scope = currentScope()
        if (!scope) return {}
        const trace = scope.span?.spanContext().traceId
        return {
          correlationId: scope.correlationId,
          ...(scope.user ? { userId: scope.user.userId } : {}),
          ...(trace ? { traceId: trace } : {}),
        }
      },
    },
    { write: (line: string) => write(withoutSecrets(line)) },
  )
}
