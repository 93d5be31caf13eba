import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { Lru } from './lru.ts'

/** Headers that carry the caller's verified identity from the gateway to services. */
export const IDENTITY_HEADERS = {
  userId: 'x-user-id',
  email: 'x-user-email',
  roles: 'x-user-roles',
  /** The signed form; services believe this one only, and send it on as it came. */
  signed: 'x-banyan-identity',
} as const

export const CORRELATION_HEADER = 'x-correlation-id'

/** Marks the answer of a service that met BN001: the gateway may replay the request on the other side. */
export const NOT_OWNER_HEADER = 'x-banyan-not-owner'

export interface Identity {
  readonly userId: string
  readonly email: string | null
  readonly roles: readonly string[]
}

/**
 * One key, or several while it is being changed: the first signs, each of them verifies. To change it,
 * give every process `[old, new]`, then `[new, old]`, then `[new]`.
 */
export type IdentityKeys = string | readonly string[]

interface SignedIdentity extends Identity {
  /** Seconds since the epoch after which it is void. */
  readonly exp: number
}

/** How long a signed identity is good for, s: one request's life, with room for clock skew. */
const LIFETIME_S = 60

/** `kid.base64url(json).base64url(HMAC-SHA256)`: what a gateway sends and `verifyIdentity` reads. */
export function signIdentity(identity: Identity, keys: IdentityKeys, nowMs = Date.now()): string {
  const [key] = listOf(keys)
  if (!key) throw new Error('There is no identity key to sign with')
  const { userId, email, roles } = identity
  const body: SignedIdentity = { userId, email, roles, exp: Math.floor(nowMs / 1000) + LIFETIME_S }
  const payload = Buffer.from(JSON.stringify(body)).toString('base64url')
  const signed = `${identityKeyId(key)}.${payload}`
  return `${signed}.${mac(signed, key)}`
}

/** The identity in a signed header; null when it is missing, malformed, forged or expired. Never throws. */
export function verifyIdentity(
  header: string | undefined,
  keys: IdentityKeys,
  nowMs = Date.now(),
): Identity | null {
  const body = signedBy(header, keys)
  return body === null ? null : asOf(body, nowMs)
}

/** Headers that are remembered, those of as many users: 500 bytes or so each. */
const MOST_REMEMBERED = 5_000

/**
 * Verifies signed headers, and remembers those that were signed by the keys: a gateway sends the same one for as long as
 * it may, and a look-up takes a twentieth of a signature's time. When they expire is asked each time.
 */
export class IdentityVerifier {
  readonly #keys: IdentityKeys
  readonly #signed: Lru<SignedIdentity>

  constructor(keys: IdentityKeys, mostRemembered = MOST_REMEMBERED) {
    this.#keys = keys
    this.#signed = new Lru(mostRemembered)
  }

  /** As `verifyIdentity`. */
  verify(header: string | undefined, nowMs = Date.now()): Identity | null {
    if (header === undefined) return null
    const known = this.#signed.get(header)
    if (known) return asOf(known, nowMs)
    const body = signedBy(header, this.#keys)
    if (body === null) return null
    const identity = asOf(body, nowMs)
    // What is forged or has expired takes nobody's place.
    if (identity !== null) this.#signed.set(header, body)
    return identity
  }
}

/** What the header says, expired or not; null where none of the keys has signed it. */
function signedBy(header: string | undefined, keys: IdentityKeys): SignedIdentity | null {
  const [kid, payload, signature, ...rest] = (header ?? '').split('.')
  if (!kid || !payload || !signature || rest.length > 0) return null
  const key = listOf(keys).find((one) => identityKeyId(one) === kid)
  if (!key || !sameText(signature, mac(`${kid}.${payload}`, key))) return null
  return parse(payload)
}

function asOf({ userId, email, roles, exp }: SignedIdentity, nowMs: number): Identity | null {
  return exp * 1000 < nowMs ? null : { userId, email, roles }
}

/** Names a key in what it signed, without telling it; changes of keys can be watched by it. */
export function identityKeyId(key: string): string {
  let id = ids.get(key)
  if (id === undefined) {
    // A process knows two or three keys; a test that makes up thousands must not fill the memory.
    if (ids.size > 100) ids.clear()
    id = createHash('sha256').update(`banyan identity ${key}`).digest('base64url').slice(0, 8)
    ids.set(key, id)
  }
  return id
}
const ids = new Map<string, string>()

const listOf = (keys: IdentityKeys): readonly string[] => (typeof keys === 'string' ? [keys] : keys)

function mac(text: string, key: string): string {
  return createHmac('sha256', key).update(text).digest('base64url')
}

function sameText(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Whoever holds the key may still sign what is none: another version, a defect. */
function parse(payload: string): SignedIdentity | null {
  let body: Partial<SignedIdentity> | null
  try {
    body = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
  } catch {
    return null
  }
  if (typeof body !== 'object' || body === null) return null
  const { userId, email, roles, exp } = body
  if (typeof userId !== 'string' || userId === '' || !Number.isFinite(exp)) return null
  if (email !== null && typeof email !== 'string') return null
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string')) return null
  return { userId, email, roles, exp: exp! }
}
