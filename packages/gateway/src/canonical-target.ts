import { BanyanError } from '@banyan/contracts'

/** A request target, read once: routing, authorising and forwarding all use this one reading. */
export interface CanonicalTarget {
  /** Path in canonical form: unreserved escapes decoded, others in capitals, `//` merged, dots resolved. */
  readonly path: string
  /** From the `?` on, as it came; empty when there is none. */
  readonly query: string
  /** Path as it came. */
  readonly rawPath: string
  /**
   * The path had dot segments, which not every upstream resolves, or began with `//`, which some take for
   * a host: its raw form may mean something else there.
   */
  readonly ambiguous: boolean
}

/**
 * Reads a request target of RFC 9112 section 3.2 in origin or absolute form.
 *
 * @param host the Host header, which an absolute form must agree with.
 * @throws BanyanError BAD_TARGET for what gateway and upstream could read differently: encoded slash,
 *   backslash or NUL, overlong UTF-8, a literal backslash, `#` or high octet, broken escapes, dot segments
 *   above the root or with parameters.
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
    else if (c >= 0x80) refuse('its path has an octet that is none of a URI; escape it')
    else if (c === SLASH) {
      const next = origin.charCodeAt(i + 1)
      if (next === SLASH || next === DOT) plain = false
    }
  }
  const rawPath = end === origin.length ? origin : origin.slice(0, end)
  const query = end === origin.length ? '' : origin.slice(end)
  if (plain) return { path: rawPath, query, rawPath, ambiguous: false }
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
  if (authority === '') refuse('an absolute form must name a host')
  if (authority.includes('@')) refuse('an absolute form may not carry user information')
  if (authority.toLowerCase() !== host?.toLowerCase()) {
    refuse('its authority and the Host header name different hosts')
  }
  return rest.startsWith('/') ? rest : `/${rest}`
}

function decodeUnreserved(path: string): string {
  if (path.includes('\\')) refuse('it has a backslash')
  if (OVERLONG.test(path))
    refuse('it has overlong UTF-8, which some decoders take for another text')
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

/** Longer UTF-8 than a character needs (RFC 3629, 3): a slash or dot to decoders that do not refuse it. */
const OVERLONG = /%c[01]%[89ab]|%e0%[89]|%f0%8/i

/** RFC 3986 section 5.2.4, with `//` merged; a climb above the root is refused, not swallowed. */
function resolve(path: string): { path: string; ambiguous: boolean } {
  const kept: string[] = []
  let ambiguous = path.startsWith('//')
  const segments = path.split('/').slice(1)
  const last = segments.at(-1)
  for (const segment of segments) {
    if (segment === '.') ambiguous = true
    else if (segment === '..') {
      ambiguous = true
      if (kept.pop() === undefined) refuse('its dot segments climb above the root')
    } else if (DOTS_WITH_PARAMETERS.test(segment)) {
      refuse('it has a dot segment with parameters')
    } else if (segment !== '') kept.push(segment)
  }
  const trailing = kept.length > 0 && (last === '' || last === '.' || last === '..')
  return { path: `/${kept.join('/')}${trailing ? '/' : ''}`, ambiguous }
}

/** A dot segment to servers that drop parameters before they look (RFC 3986, 3.3). */
const DOTS_WITH_PARAMETERS = /^\.{1,2};/

function refuse(reason: string): never {
  throw new BanyanError('BAD_TARGET', { reason })
}
