import { decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose'
import type { BoundKey } from './key-set.ts'

export type TokenClaims = JWTPayload

export interface TokenRules {
  readonly issuer?: string
  readonly audience?: string
  /** Claims that must be there. */
  readonly required: readonly string[]
  /** A token issued longer ago than this, s, is void whatever it says of its end; needs `iat`. */
  readonly maxAgeS?: number
  /** How far clocks may differ, s; 0 by default. */
  readonly toleranceS?: number
}

export interface SignedToken {
  readonly claims: TokenClaims
  readonly kid: string | undefined
  readonly bound: BoundKey
}

/**
 * Verifies a JWT with the key its `kid` names: an exact look-up, and the only word of its header that is
 * believed. `alg` is the key's; `jku`, `x5u` and `jwk` are not read (RFC 8725, 3.1 and 3.10).
 *
 * @returns null for a token that is malformed, of another signer, or against the rules.
 * @throws what `key` throws.
 */
export async function readSignedToken(
  token: string,
  key: (kid: string | undefined) => BoundKey | null | Promise<BoundKey | null>,
  rules: TokenRules,
): Promise<SignedToken | null> {
  const kid = isCanonical(token) ? kidOf(token) : null
  if (kid === null) return null
  const bound = await key(kid)
  if (!bound) return null
  const { issuer, audience, required, maxAgeS, toleranceS } = rules
  try {
    const { payload } = await jwtVerify(token, bound.key, {
      algorithms: [bound.alg],
      requiredClaims: [...required],
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
      ...(maxAgeS === undefined ? {} : { maxTokenAge: maxAgeS }),
      ...(toleranceS === undefined ? {} : { clockTolerance: toleranceS }),
    })
    if (bound.subject !== null && payload.sub !== bound.subject) return null
    return { claims: payload, kid, bound }
  } catch {
    return null
  }
}

/**
 * Whether each part is spelled the one way there is: decoders overlook padding, other alphabets and bits left
 * over, so that one token would have many spellings (RFC 7515, 5.2; RFC 4648, 3.5).
 */
function isCanonical(token: string): boolean {
  return token
    .split('.')
    .every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
}

/** The token's `kid`, undefined without one, null when the token cannot be read. */
function kidOf(token: string): string | undefined | null {
  try {
    const { kid } = decodeProtectedHeader(token)
    return kid === undefined || typeof kid === 'string' ? kid : null
  } catch {
    return null
  }
}
