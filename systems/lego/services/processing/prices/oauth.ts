import { createHmac, randomBytes } from 'node:crypto'

/** What BrickLink gives a shop: of its application, and of its own permission to use it. */
export interface OAuthKeys {
  readonly consumerKey: string
  readonly consumerSecret: string
  readonly token: string
  readonly tokenSecret: string
}

/** What makes each signature another; given in tests alone. */
export interface OAuthMoment {
  readonly nonce: string
  /** Seconds since 1970. */
  readonly timestamp: number
  /** `oauth_version`, which RFC 5849 lets be left out. */
  readonly version: '1.0' | null
}

/**
 * The Authorization header of a request, signed with HMAC-SHA1 (RFC 5849).
 *
 * @param url with its query, which is signed too
 */
export function authorization(
  method: string,
  url: URL,
  keys: OAuthKeys,
  moment: OAuthMoment = now(),
): string {
  const parameters: [string, string][] = [
    ['oauth_consumer_key', keys.consumerKey],
    ['oauth_token', keys.token],
    ['oauth_signature_method', 'HMAC-SHA1'],
    ['oauth_timestamp', String(moment.timestamp)],
    ['oauth_nonce', moment.nonce],
    ...(moment.version ? [['oauth_version', moment.version] as [string, string]] : []),
  ]
  const signature = createHmac(
    'sha1',
    `${escaped(keys.consumerSecret)}&${escaped(keys.tokenSecret)}`,
  )
    .update(baseString(method, url, parameters))
    .digest('base64')
  const said = [...parameters, ['oauth_signature', signature] as const]
  return `OAuth ${said.map(([name, value]) => `${name}="${escaped(value)}"`).join(', ')}`
}

/** What is signed: RFC 5849, 3.4.1. */
export function baseString(
  method: string,
  url: URL,
  parameters: readonly (readonly [string, string])[],
): string {
  const normal = [...url.searchParams, ...parameters]
    .map(([name, value]) => [escaped(name), escaped(value)] as const)
    // By octet, as they stand once escaped; not by the rules of a language.
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map((pair) => pair.join('='))
    .join('&')
  return [method.toUpperCase(), `${url.origin}${url.pathname}`, normal].map(escaped).join('&')
}

/** RFC 5849, 3.6: all but letters, digits, `-`, `.`, `_`, `~`. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function now(): OAuthMoment {
  const timestamp = Math.floor(Date.now() / 1000)
  return { nonce: randomBytes(16).toString('hex'), timestamp, version: '1.0' }
}
