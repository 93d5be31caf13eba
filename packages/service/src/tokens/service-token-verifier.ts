import {
  type BoundKey,
  KeySet,
  type KeySetSource,
  Lru,
  readSignedToken,
  SERVICE_TOKEN_LIFETIME_S,
} from '@banyan/contracts'

export interface ServiceTokenVerifierOptions {
  /** The called service's own name: a token for another is refused. */
  readonly audience: string
  readonly issuer: string
  readonly keys: KeySetSource
  /** How old keys may become before they are read anew, ms; 60,000 by default. */
  readonly maxAgeMs?: number
  /** After reading for an unknown kid, how long unknown kids are not read for again, ms; 5,000 by default. */
  readonly coolDownMs?: number
  /** ms on a monotonic clock, for the age of keys; for tests. */
  readonly now?: () => number
}

interface Verified {
  readonly caller: string
  readonly kid: string | undefined
  readonly bound: BoundKey
  readonly untilMs: number
}

/** Verified tokens kept: each caller holds one for each of its processes. */
const CACHED = 1_000
/** How far the clocks of two machines may differ, s. */
const TOLERANCE_S = 5

/** Says which service a token speaks for; the second time from memory, until it ends or the keys change. */
export class ServiceTokenVerifier {
  readonly #options: ServiceTokenVerifierOptions
  readonly #keys: KeySet
  readonly #verified = new Lru<Verified>(CACHED)

  constructor(options: ServiceTokenVerifierOptions) {
    this.#options = options
    const { now = () => performance.now(), maxAgeMs = 60_000, coolDownMs = 5_000 } = options
    this.#keys = new KeySet(options.keys, { now, maxAgeMs, coolDownMs }, () =>
      this.#verified.clear(),
    )
  }

  /**
   * The caller's name, or null for a token that is malformed, forged, expired, or not meant for us.
   * @throws BanyanError UPSTREAM_UNREACHABLE when it cannot be known: the key set was never read.
   */
  async verify(token: string): Promise<string | null> {
    const known = this.#verified.get(token)
    const key = (kid: string | undefined) => this.#keys.get(kid)
    if (known && known.untilMs > Date.now()) {
      // Asking for the key is also what has an old key set read anew.
      if ((await key(known.kid)) === known.bound) return known.caller
    }
    const read = await readSignedToken(token, key, {
      issuer: this.#options.issuer,
      audience: this.#options.audience,
      required: ['iss', 'aud', 'sub', 'iat', 'exp', 'jti'],
      maxAgeS: SERVICE_TOKEN_LIFETIME_S.most,
      toleranceS: TOLERANCE_S,
    })
    if (!read) return null
    const { sub, exp, iat, aud } = read.claims
    if (!sub || Array.isArray(aud) || exp! - iat! > SERVICE_TOKEN_LIFETIME_S.most) return null
    // The keys may have changed while this one was at work: then the next request verifies it anew.
    if ((await key(read.kid)) === read.bound) {
      this.#verified.set(token, {
        caller: sub,
        kid: read.kid,
        bound: read.bound,
        untilMs: exp! * 1000,
      })
    }
    return sub
  }
}
