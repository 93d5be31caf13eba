import { endsSession, sqlState } from '@banyan/postgres'

/** Errors of a connection that carry no SQLSTATE: of the socket by code, of pg and its pool by message. */
const SOCKET_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'])
const CONNECTION_MESSAGES =
  /connection terminated|timeout exceeded when trying to connect|client has encountered a connection error|connection ended unexpectedly/i

/** too_many_connections, serialization_failure. */
const TRY_AGAIN_STATES = new Set(['53300', '40001'])

/** The guard of a handover: another side owns the row (docs/handover.md). */
export const NOT_OWNER_STATE = 'BN001'

/** The error beneath what Drizzle wraps around it. */
export function rootCause(error: unknown): Error {
  let inner = error
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause
  return inner instanceof Error ? inner : new Error(String(inner))
}

/** Whether trying again later may help: the database is away, or too busy. */
export function isPassing(error: unknown): boolean {
  const state = sqlState(error)
  if (state !== undefined && (TRY_AGAIN_STATES.has(state) || endsSession(state))) return true
  const cause = rootCause(error) as Error & { code?: unknown }
  return SOCKET_CODES.has(String(cause.code)) || CONNECTION_MESSAGES.test(cause.message)
}
