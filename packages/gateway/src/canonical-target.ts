import { BanyanError } from '@banyan/contracts'

/** A request target, read once: routing, authorising and forwarding all use this one reading. */
export interface CanonicalTarget {
  /** Path in canonical form: unreserved escapes decoded, others in capitals, `//` merged, dots resolved. */
  readonly path: string
  /** From the `?` on, as it came; empty when there is none. */
  readonly query: string
  /** Path as it came. */
  readonly rawPath: string
  /** The path had dot segments: its raw form means something else to an upstream that does not resolve them. */
  readonly dots: boolean
}

/**
 * Reads a request target of RFC 9112 section 3.2 in origin or absolute form.
 *
 * @param host the Host header, which an absolute form must agree with.
 * @throws BanyanError BAD_TARGET for what gateway and upstream could read differently: encoded slash,
 *   backslash or NUL, a literal backslash or `#`, broken escapes, dot segments above the root.
 */
export function canonicalTarget(target: string, host: string | undefined): CanonicalTarget {
  const origin = target.charCodeAt(0) === SLASH ? target : originForm(target, host)
  let end = origin.length
  let plain = true
  for (let i = 0; i < origin.length; i++) {
    const c = origin.charCodeAt(i)
    if (c === HASH || c <= 0x20 || c === 0x7f) {
      refuse(c === HASH ? 'a fragment ("#") is not part of a request target' : 'it has a control')
    }
    if (end !== origin.length) continue
    if (c === QUESTION) end = i
    else if (c === PERCENT || c === BACKSLASH) plain = false
    else if (c === SLASH) {
      const next = origin.charCodeAt(i + 1)
      if (next === SLASH || next === DOT) plain = false
    }
  }
  const rawPath = end === origin.length ? origin : origin.slice(0, end)
  const query = end === origin.length ? '' : origin.slice(end)
  if (plain) return { path: rawPath, query, rawPath, dots: false }
  return { ...resolve(decodeUnreserved(rawPath)), query, rawPath }
}

const SLASH = 0x2f
const HASH = 0x23
const QUESTION = 0x3f
const PERCENT = 0x25
const BACKSLASH = 0x5c
const DOT = 0x2e

function originForm(target: string, host: string | undefined): string {
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target)
  if (!absolute) refuse('it must begin with "/" or be an absolute http URL')
  const [, authority = '', rest = ''] = absolute
  if (authority.includes('@')) refuse('an absolute form may not carry user information')
  if (authority.toLowerCase() !== host?.toLowerCase()) {
    refuse('its authority and the Host header name different hosts')
  }
  return rest.startsWith('/') ? rest : `/${rest}`
}

function decodeUnreserved(path: string): string {
  if (path.includes('\\')) refuse('it has a backslash')
  return path.replace(/%(.{0,2})/gs, (_, hex: string) => {
    if (!/^[0-9a-f]{2}$/i.test(hex)) refuse(`"%${hex}" is not an escape`)
    const byte = Number.parseInt(hex, 16)
    if (byte === SLASH || byte === BACKSLASH || byte === 0) {
      refuse(`"%${hex}" (an encoded slash, backslash or NUL) is not allowed in a path`)
    }
    const char = String.fromCharCode(byte)
    return /[A-Za-z0-9._~-]/.test(char) ? char : `%${hex.toUpperCase()}`
  })
}

/** RFC 3986 section 5.2.4, with `//` merged; a climb above the root is refused, not swallowed. */
function resolve(path: string): { path: string; dots: boolean } {
  const kept: string[] = []
  let dots = false
  const segments = path.split('/').slice(1)
  const last = segments.at(-1)
  for (const segment of segments) {
    if (segment === '.') dots = true
    else if (segment === '..') {
      dots = true
      if (kept.pop() === undefined) refuse('its dot segments climb above the root')
    } else if (segment !== '') kept.push(segment)
  }
  const trailing = kept.length > 0 && (last === '' || last === '.' || last === '..')
  return { path: `/${kept.join('/')}${trailing ? '/' : ''}`, dots }
}

function refuse(reason: string): never {
  throw new BanyanError('BAD_TARGET', { reason })
}
