import { importJWK, type JWK, SignJWT } from 'jose'
import { AUDIENCE, ISSUER } from './settings.ts'

export interface TokenClaims {
  /** User id. */
  readonly sub: string
  readonly email: string
  readonly roles: readonly string[]
}

export interface MintOptions {
  /** How long the token is good for, s; an hour by default. */
  readonly lifetimeS?: number
}

/**
 * Answers a function that signs tokens with one key, read once: for the service itself and for
 * whoever needs thousands of tokens without asking it for each (load generators).
 *
 * @param privateJwk a private key with `kid` and `alg`, as `currentKey` of keys.ts reads it
 * @throws TypeError when `kid` or `alg` is missing
 */
export async function tokenMinter(
  privateJwk: JWK,
  options: MintOptions = {},
): Promise<(claims: TokenClaims) => Promise<string>> {
  const { alg, kid } = privateJwk
  if (!alg || !kid) throw new TypeError('the signing key needs "alg" and "kid"')
  const key = await importJWK(privateJwk, alg)
  return ({ sub, email, roles }) =>
    new SignJWT({ email, roles: [...roles] })
      .setProtectedHeader({ alg, kid, typ: 'JWT' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(sub)
      .setIssuedAt()
      .setExpirationTime(`${options.lifetimeS ?? 3_600}s`)
      .sign(key)
}

/** Signs one token; `tokenMinter` is the one for many. */
export async function mintToken(
  privateJwk: JWK,
  claims: TokenClaims,
  options: MintOptions = {},
): Promise<string> {
  return (await tokenMinter(privateJwk, options))(claims)
}
