/** Errors of a connection that carry no SQLSTATE: of the socket by code, of pg and its pool by message. */
const SOCKET_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'])
const CONNECTION_MESSAGES =
  /connection terminated|timeout exceeded when trying to connect|client has encountered a connection error|connection ended unexpectedly/i

/** admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections, serialization_failure. */
const TRY_AGAIN_STATES = new Set(['57P01', '57P02', '57P03', '53300', '40001'])

/** The guard of a handover: another side owns the row (docs/handover.md). */
export const NOT_OWNER_STATE = 'BN001'

/** The error beneath what Drizzle wraps around it. */
export function rootCause(error: unknown): Error {
  let inner = error
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause
  return inner instanceof Error ? inner : new Error(String(inner))
}

/** The SQLSTATE of a refusal by the database, or null. */
export function sqlState(error: unknown): string | null {
  const { code } = rootCause(error) as Error & { code?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null
}

/** Whether trying again later may help: the database is away, or too busy. */
export function isPassing(error: unknown): boolean {
  const state = sqlState(error)
  if (state !== null && (TRY_AGAIN_STATES.has(state) || state.startsWith('08'))) return true
  const cause = rootCause(error) as Error & { code?: unknown }
  return SOCKET_CODES.has(String(cause.code)) || CONNECTION_MESSAGES.test(cause.message)
}
