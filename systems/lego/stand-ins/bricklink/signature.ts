import { createHmac, timingSafeEqual } from 'node:crypto'

export interface Keys {
  readonly consumerKey: string
  readonly consumerSecret: string
  readonly token: string
  readonly tokenSecret: string
}

/** How far a client's clock may be off, s. */
const MOST_OFF_S = 300
/** Nonces, lest a request is sent a second time by somebody else; until when each is remembered, s. */
const nonces = new Map<string, number>()

/** Why a request is not signed as OAuth 1.0 asks (RFC 5849, 3.2); null when it is. */
export function whyRefused(
  method: string,
  url: URL,
  header: string | undefined,
  keys: Keys,
): string | null {
  if (!header?.startsWith('OAuth ')) return 'NO_AUTHORIZATION'
  const said = new Map<string, string>()
  for (const [, name, value] of header.matchAll(/([\w]+)="([^"]*)"/g)) {
    said.set(name!, unescaped(value!))
  }
  const signature = said.get('oauth_signature') ?? ''
  said.delete('oauth_signature')
  if (said.get('oauth_consumer_key') !== keys.consumerKey) return 'CONSUMER_KEY_UNKNOWN'
  if (said.get('oauth_token') !== keys.token) return 'TOKEN_REJECTED'
  if (said.get('oauth_signature_method') !== 'HMAC-SHA1') return 'SIGNATURE_METHOD_REJECTED'
  const off = Math.abs(Date.now() / 1000 - Number(said.get('oauth_timestamp')))
  if (!(off <= MOST_OFF_S)) return 'TIMESTAMP_REFUSED'
  const nonce = `${said.get('oauth_timestamp')} ${said.get('oauth_nonce')}`
  if (nonces.has(nonce)) return 'NONCE_USED'
  const wanted = createHmac('sha1', `${keys.consumerSecret}&${keys.tokenSecret}`)
    .update(signed(method, url, said))
    .digest()
  const given = Buffer.from(signature, 'base64')
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return 'SIGNATURE_INVALID'
  const now = Date.now() / 1000
  for (const [old, until] of nonces) if (until < now) nonces.delete(old)
  nonces.set(nonce, now + 2 * MOST_OFF_S)
  return null
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

/** RFC 5849, 3.4.1, from the server's side. */
function signed(method: string, url: URL, said: ReadonlyMap<string, string>): string {
  const pairs = [...url.searchParams, ...said].map(([name, value]) => `${enc(name)}=${enc(value)}`)
  return `${method}&${enc(url.origin + url.pathname)}&${enc(pairs.sort().join('&'))}`
}

function enc(text: string): string {
  let out = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const sign = String.fromCharCode(byte)
    const plain = /[A-Za-z0-9\-._~]/.test(sign)
    out += plain ? sign : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}
