import pg from 'pg'

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  // admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections
  '57P01',
  '57P02',
  '57P03',
  '53300',
])
/** Errors of pg and pg-pool that carry no code. */
const CONNECTION_MESSAGES =
  /connection terminated|timeout exceeded when trying to connect|client has encountered a connection error|connection ended unexpectedly/i

/** The error beneath what Drizzle wraps around it. */
export function rootCause(error: unknown): unknown {
  let inner = error
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause
  return inner
}

/** Whether the database could not be reached, or went away: trying again later may help. */
export function isOutage(error: unknown): boolean {
  const cause = rootCause(error)
  if (!(cause instanceof Error)) return false
  const { code } = cause as Error & { code?: string }
  if (code && (CONNECTION_CODES.has(code) || code.startsWith('08'))) return true
  return !(cause instanceof pg.DatabaseError) && CONNECTION_MESSAGES.test(cause.message)
}

/** The SQLSTATE and constraint of a refusal by the database, or null. */
export function refusal(error: unknown): { code: string; constraint: string | null } | null {
  const cause = rootCause(error)
  if (!(cause instanceof pg.DatabaseError) || !cause.code) return null
  return { code: cause.code, constraint: cause.constraint ?? null }
}
