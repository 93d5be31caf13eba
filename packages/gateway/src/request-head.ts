import { BanyanError, CORRELATION_HEADER } from '@banyan/contracts'
import { isHost } from './host.ts'
import { newTraceparent, randomHex } from './ids.ts'
import { isOriginHeader, isReservedHeader } from './reserved-headers.ts'

/** What the gateway read in a request's headers, and the headers that go on. */
export interface RequestHead {
  readonly host: string | undefined
  readonly authorization: string | undefined
  readonly cookie: string | undefined
  readonly correlationId: string
  /** As it goes on: the client's, or one of a new trace. */
  readonly traceparent: string
  /** Declared body length, bytes; null when the body is chunked, 0 when there is none. */
  readonly bodyLength: number | null
  /** What to ask the upstream to upgrade to; only WebSocket passes. */
  readonly upgrade: string | undefined
  /** X-Forwarded-For as it came. */
  readonly forwardedFor: string | undefined
  /** End-to-end headers, flat name and value, as the client spelled them; Host first when there is one. */
  readonly forward: string[]
  /** Whether one of those to be passed on says who asks, because a proxy is believed about that. */
  readonly namesCaller: boolean
  /** All headers as they came. */
  readonly raw: readonly string[]
}

/** Names of RFC 9110 section 7.6.1 and their relatives: about this connection, never passed on. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
])

/**
 * Reads a request's raw headers in one pass.
 *
 * @param trusted a header name in lower case that passes although it spells an identity: the one that the
 *   `header` authentication setting names.
 * @param fromProxy it comes from a known proxy: what that says about where it comes from is believed.
 * @throws BanyanError BAD_REQUEST for two Host or two Authorization headers, a Host that is none, or two
 *   headers that frame the body.
 */
export function readHead(
  raw: readonly string[],
  remoteAddress: string | undefined,
  scheme: 'http' | 'https',
  trusted: string | undefined,
  fromProxy = false,
): RequestHead {
  let host: string | undefined
  let authorization: string | undefined
  let cookie: string | undefined
  let correlation: string | undefined
  let traceparent: string | undefined
  let upgrade: string | undefined
  let named: Set<string> | undefined
  let namesCaller = false
  let length: number | undefined
  let chunked = false
  let forwardedFor = ''
  let forwardedProto = false
  let forwardedHost = false
  let forward: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    const value = raw[i + 1]!
    switch (name) {
      case 'host':
        if (host !== undefined) throw twice('Host')
        if (!isHost(value)) throw new BanyanError('BAD_REQUEST', { reason: 'Host names no host.' })
        host = value
        continue
      case 'authorization':
        if (authorization !== undefined) throw twice('Authorization')
        authorization = value
        break
      case 'content-length':
        if (length !== undefined) throw twice('Content-Length')
        length = Number(value)
        break
      case 'transfer-encoding':
        // The coding's name is dropped with the header: a compressed body would arrive as another one.
        if (value.trim().toLowerCase() !== 'chunked') throw unknownCoding(value)
        if (chunked) throw twice('Transfer-Encoding')
        chunked = true
        continue
      case 'connection':
        if (!/^(keep-alive|close)$/i.test(value)) {
          named ??= new Set()
          for (const token of value.split(',')) named.add(token.trim().toLowerCase())
        }
        continue
      case 'upgrade':
        upgrade = value
        continue
      case 'cookie':
        cookie = cookie === undefined ? value : `${cookie}; ${value}`
        break
      case CORRELATION_HEADER:
        correlation ??= value
        continue
      case 'traceparent':
        traceparent ??= value
        continue
      case 'x-forwarded-for':
        forwardedFor = forwardedFor === '' ? value : `${forwardedFor}, ${value}`
        continue
      case 'x-forwarded-proto':
        if (!fromProxy) continue
        forwardedProto = true
        break
      case 'x-forwarded-host':
        if (!fromProxy) continue
        forwardedHost = true
        break
      default:
        if (HOP_BY_HOP.has(name)) continue
        if (name === trusted) {
          namesCaller = isReservedHeader(name)
          break
        }
        if (isReservedHeader(name) || (!fromProxy && isOriginHeader(name))) continue
    }
    forward.push(raw[i]!, value)
  }
  if (chunked && length !== undefined) throw twice('framing (Content-Length, Transfer-Encoding)')
  if (named) forward = without(forward, named)
  if (host !== undefined) forward.unshift('Host', host)
  const traced = traceparent !== undefined && TRACEPARENT.test(traceparent)
  // A tracestate without its traceparent belongs to nobody.
  if (traceparent !== undefined && !traced) forward = without(forward, new Set(['tracestate']))
  const correlationId =
    correlation !== undefined && CORRELATION.test(correlation) ? correlation : randomHex(32)
  forward.push(CORRELATION_HEADER, correlationId)
  const onward = traced ? traceparent! : newTraceparent()
  forward.push('traceparent', onward)
  const address = remoteAddress ?? 'unknown'
  forward.push('x-forwarded-for', forwardedFor === '' ? address : `${forwardedFor}, ${address}`)
  if (!forwardedProto) forward.push('x-forwarded-proto', scheme)
  if (!forwardedHost && host !== undefined) forward.push('x-forwarded-host', host)
  return {
    host,
    authorization,
    cookie,
    correlationId,
    traceparent: onward,
    bodyLength: chunked ? null : (length ?? 0),
    upgrade: named?.has('upgrade') ? upgrade : undefined,
    forwardedFor: forwardedFor === '' ? undefined : forwardedFor,
    forward,
    namesCaller,
    raw,
  }
}

/** The one value of a header, whatever its case; undefined when it is not there. */
export function headerValue(head: RequestHead, name: string): string | undefined {
  const wanted = name.toLowerCase()
  let found: string | undefined
  for (let i = 0; i < head.raw.length; i += 2) {
    if (head.raw[i]!.toLowerCase() !== wanted) continue
    if (found !== undefined) throw twice(name)
    found = head.raw[i + 1]!
  }
  return found
}

const CORRELATION = /^[A-Za-z0-9._-]{1,128}$/
/** Version 00 of the W3C recommendation; all-zero ids are invalid there. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** Headers whose loss would change what the request says; naming them in Connection has no effect. */
const KEPT = new Set(['content-length', 'authorization', 'cookie', 'content-type'])

/** Without those of these names, in lower case; but what has a place of its own stays. */
export function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    if (!names.has(name) || KEPT.has(name)) kept.push(headers[i]!, headers[i + 1]!)
  }
  return kept
}

function unknownCoding(value: string): BanyanError {
  return new BanyanError('BAD_REQUEST', {
    reason: `Transfer-Encoding may be "chunked", given "${value}".`,
  })
}

function twice(name: string): BanyanError {
  return new BanyanError('BAD_REQUEST', { reason: `The request has more than one ${name}.` })
}
