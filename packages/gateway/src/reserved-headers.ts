import { CORRELATION_HEADER, IDENTITY_HEADERS } from '@banyan/contracts'

/** The gateway's word on who asks: never a client's. */
const IDENTITY = new Set<string>(Object.values(IDENTITY_HEADERS))

/** Believed by frameworks in place of the request line, where the gateway has routed by that. */
const OTHER_TARGETS = new Set(['x-original-url', 'x-rewrite-url'])

/** Said by a proxy about where a request comes from; the client's own words when none said it. */
const ORIGINS = new Set(['forwarded', 'x-real-ip'])

/** What the gateway says under its right name, and nobody beside it under a wrong one. */
const SPOKEN = new Set([
  ...[...ORIGINS, 'host', 'content-length', 'transfer-encoding', 'connection', 'authorization'],
  ...['cookie', CORRELATION_HEADER, 'traceparent', 'tracestate'],
])

const DISGUISED = /[^a-z0-9-]/

/**
 * Whether a client may not send this header: it would pass for the gateway's word. Frameworks that follow
 * CGI read `_`, `.` and the like as `-`, so any spelling counts.
 *
 * @param name in lower case.
 */
export function isReservedHeader(name: string): boolean {
  if (!DISGUISED.test(name)) {
    if (name.charCodeAt(0) !== 0x78 /* x */) return false
    return IDENTITY.has(name) || name.startsWith('x-banyan-') || OTHER_TARGETS.has(name)
  }
  const normal = name.replace(/[^a-z0-9-]/g, '-')
  return SPOKEN.has(normal) || normal.startsWith('x-forwarded-') || isReservedHeader(normal)
}

/**
 * Whether the header says where a request comes from, beside X-Forwarded-For (RFC 7239, 8.1).
 *
 * @param name in lower case.
 */
export function isOriginHeader(name: string): boolean {
  const first = name.charCodeAt(0)
  if (first !== 0x78 /* x */ && first !== 0x66 /* f */) return false
  return ORIGINS.has(name) || name.startsWith('x-forwarded-')
}
