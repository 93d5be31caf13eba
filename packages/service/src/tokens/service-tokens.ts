import { SERVICE_TOKEN_LIFETIME_S } from '@banyan/contracts'
import { SignJWT } from 'jose'
import type { SigningKey } from './service-key.ts'

export interface ServiceTokensOptions {
  /** The caller's name: the subject of its tokens. */
  readonly name: string
  /** Says which installation the token is of, so that staging's is void in production. */
  readonly issuer: string
  readonly key: SigningKey
  /** 60 to 300 s; 120 by default. */
  readonly lifetimeS?: number
  /** ms since the epoch; for tests. */
  readonly now?: () => number
}

interface Held {
  readonly token: string
  readonly kid: string
  readonly renewMs: number
}

/** A token is replaced when this share of its life is over, so that none expires on its way. */
const RENEW_AFTER = 0.5

/** Signs a service's own tokens; one for each service it calls, used again until half its life is over. */
export class ServiceTokens {
  readonly #options: ServiceTokensOptions
  readonly #lifetimeS: number
  readonly #now: () => number
  readonly #held = new Map<string, Held>()

  /** @throws Error for a lifetime out of bounds. */
  constructor(options: ServiceTokensOptions) {
    const { least, most } = SERVICE_TOKEN_LIFETIME_S
    this.#lifetimeS = options.lifetimeS ?? 120
    if (!(this.#lifetimeS >= least && this.#lifetimeS <= most)) {
      throw new Error(`lifetimeS: given ${options.lifetimeS}, allowed ${least} to ${most}`)
    }
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** A token for calls to `audience`, the called service's name. @throws Error when there is no key. */
  async for(audience: string): Promise<string> {
    const { kid, alg, key } = await this.#options.key.current()
    const held = this.#held.get(audience)
    const now = this.#now()
    if (held && held.kid === kid && now < held.renewMs) return held.token
    const iat = Math.floor(now / 1000)
    const token = await new SignJWT()
      .setProtectedHeader({ alg, kid, typ: 'JWT' })
      .setIssuer(this.#options.issuer)
      .setSubject(this.#options.name)
      .setAudience(audience)
      .setIssuedAt(iat)
      .setExpirationTime(iat + this.#lifetimeS)
      .setJti(crypto.randomUUID())
      .sign(key)
    this.#held.set(audience, { token, kid, renewMs: now + this.#lifetimeS * 1000 * RENEW_AFTER })
    return token
  }
}
