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
  const kid = kidOf(token)
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

/** The token's `kid`, undefined without one, null when the token cannot be read. */
function kidOf(token: string): string | undefined | null {
  try {
    const { kid } = decodeProtectedHeader(token)
    return kid === undefined || typeof kid === 'string' ? kid : null
  } catch {
    return null
  }
}
