import { Agent } from 'undici'
import { BULKHEAD_DEFAULTS } from './bulkhead.ts'

/** A host that does not take a connection within this time, ms, is gone. */
export const CONNECT_TIMEOUT_MS = 2_000

/** Carries a client's calls. The call's own deadline bounds headers and body. */
export function plainAgent(connections = BULKHEAD_DEFAULTS.concurrency): Agent {
  const connect = { timeout: CONNECT_TIMEOUT_MS }
  return new Agent({ connections, headersTimeout: 0, bodyTimeout: 0, connect })
}
