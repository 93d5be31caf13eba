import { createHmac, timingSafeEqual } from 'node:crypto'

/** Headers that carry the caller's verified identity from the gateway to services. */
export const IDENTITY_HEADERS = {
  userId: 'x-user-id',
  email: 'x-user-email',
  roles: 'x-user-roles',
  /** The signed form; services believe this one only. */
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

interface SignedIdentity extends Identity {
  /** Seconds since the epoch after which it is void. */
  readonly exp: number
}

/** How long a signed identity is good for, s: one request's life, with room for clock skew. */
const LIFETIME_S = 60

/** `base64url(json).base64url(HMAC-SHA256)`: what a gateway sends and `verifyIdentity` reads. */
export function signIdentity(identity: Identity, key: string, nowMs = Date.now()): string {
  const body: SignedIdentity = { ...identity, exp: Math.floor(nowMs / 1000) + LIFETIME_S }
  const payload = Buffer.from(JSON.stringify(body)).toString('base64url')
  return `${payload}.${mac(payload, key).toString('base64url')}`
}

/** The identity in a signed header, or null when it is missing, forged or expired. */
export function verifyIdentity(
  header: string | undefined,
  key: string,
  nowMs = Date.now(),
): Identity | null {
  const [payload, signature, ...rest] = (header ?? '').split('.')
  if (!payload || !signature || rest.length > 0) return null
  const given = Buffer.from(signature, 'base64url')
  const expected = mac(payload, key)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
  const body = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as SignedIdentity
  if (body.exp * 1000 < nowMs) return null
  return { userId: body.userId, email: body.email, roles: body.roles }
}

function mac(payload: string, key: string): Buffer {
  return createHmac('sha256', key).update(payload).digest()
}
