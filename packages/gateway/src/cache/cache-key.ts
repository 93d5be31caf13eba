import { createHash } from 'node:crypto'
import { CORRELATION_HEADER } from '@banyan/contracts'
import type { Call } from '../call.ts'
import type { Caller } from '../caller.ts'
import type { Placement } from '../routing.ts'

/**
 * Request fields that an answer depends on only if it says so (`Vary`). Every other one is in the key: what a service makes
 * of a field that nobody has heard of cannot reach who did not send it.
 */
const ASIDE = new Set([
  'baggage',
  'cache-control',
  CORRELATION_HEADER,
  'dnt',
  'pragma',
  'priority',
  'referer',
  'save-data',
  'traceparent',
  'tracestate',
  'upgrade-insecure-requests',
  'user-agent',
  'x-forwarded-for',
  'x-request-id',
])
const ASIDE_BEGIN = /^sec-(fetch|ch)-/

/**
 * Tells an answer from every other: who asks, as verified, and everything of the request that the side is shown. A hash,
 * so that no token stands in memory for it.
 */
export function keyOf(call: Call, caller: Caller, { route, side }: Placement): string {
  const { userId, email, roles } = caller.identity
  const fields: string[] = []
  const { forward } = call.head
  for (let i = 0; i < forward.length; i += 2) {
    const name = forward[i]!.toLowerCase()
    if (!isAside(name)) fields.push(name, forward[i + 1]!)
  }
  const { path, query } = call.target
  return hash([side, route.label, userId, email, roles, path, query, fields])
}

/** Of those fields that are not in the key, the ones that an answer depends on: their values, as one; null for none. */
export function variantOf({ head: { forward } }: Call, names: readonly string[]): string | null {
  const asked = names.filter(isAside)
  if (asked.length === 0) return null
  const fields: string[] = []
  for (let i = 0; i < forward.length; i += 2) {
    const name = forward[i]!.toLowerCase()
    if (asked.includes(name)) fields.push(name, forward[i + 1]!)
  }
  return hash(fields)
}

function isAside(name: string): boolean {
  return ASIDE.has(name) || ASIDE_BEGIN.test(name)
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64')
}
