import {
  type AuthSetting,
  type BoundKey,
  KeySet,
  type KeySetOptions,
  keySetAt,
  Lru,
  readSignedToken,
  type TokenClaims,
} from '@banyan/contracts'
import { Caller } from './caller.ts'
import { type Credentials, INVALID } from './credentials.ts'

/** Verified tokens kept: at 1 KiB each about 10 MiB. */
const CACHED = 10_000
/** How long a token without `exp` is taken as verified, ms. */
const NO_EXPIRY_MS = 60_000

interface Verified {
  readonly token: string
  readonly credentials: Credentials
  readonly untilMs: number
}

interface Rules {
  readonly claim: string
  readonly issuer?: string
  readonly audience?: string
  /** Claims that must be there. */
  readonly required: readonly string[]
  /** The key for a token's header, by `kid` alone: `jku`, `x5u`, `jwk` and `alg` are the sender's word. */
  key(kid: string | undefined): BoundKey | null | Promise<BoundKey | null>
}

/** Verifies tokens; the second time from memory, until they expire or the keys change. */
export class TokenVerifier {
  readonly #rules: Rules
  readonly #verified = new Lru<Verified>(CACHED)
  /** The one that each connection bore last: to compare a token of 300 letters costs a thirtieth of looking it up. */
  #last = new WeakMap<object, Verified>()

  constructor(rules: Rules) {
    this.#rules = rules
  }

  /** @param connection that it came on. */
  verify(token: string, connection?: object): Credentials | Promise<Credentials> {
    const last = connection && this.#last.get(connection)
    const known = last?.token === token ? last : this.#verified.get(token)
    if (known && known.untilMs > Date.now()) {
      if (connection && known !== last) this.#last.set(connection, known)
      return known.credentials
    }
    // One that does not say when it ends may be good for longer.
    this.#verified.delete(token)
    return this.#verify(token)
  }

  forget(): void {
    this.#verified.clear()
    this.#last = new WeakMap()
  }

  async #verify(token: string): Promise<Credentials> {
    const { claim, key, ...rules } = this.#rules
    const read = await readSignedToken(token, key, rules)
    if (!read) return INVALID
    const { claims: payload, kid, bound } = read
    const subject = payload[claim]
    if (typeof subject !== 'string' && typeof subject !== 'number') return INVALID
    if (subject === '') return INVALID
    const credentials: Credentials = {
      state: 'valid',
      caller: new Caller({
        userId: String(subject),
        email: typeof payload.email === 'string' ? payload.email : null,
        roles: rolesOf(payload),
      }),
    }
    const untilMs = payload.exp === undefined ? Date.now() + NO_EXPIRY_MS : payload.exp * 1000
    // The keys may have changed while this one was at work: then the next request verifies it anew.
    if ((await key(kid)) === bound) this.#verified.set(token, { token, credentials, untilMs })
    return credentials
  }
}

export function jwksVerifier(
  setting: AuthSetting & { kind: 'jwks' },
  options: KeySetOptions,
): TokenVerifier {
  const keys = new KeySet(keySetAt(setting.url), options, () => verifier.forget())
  const verifier = new TokenVerifier({
    claim: setting.claim ?? 'sub',
    issuer: setting.issuer,
    audience: setting.audience,
    required: ['iss', 'aud', 'exp'],
    key: (kid) => keys.get(kid),
  })
  return verifier
}

export function secretVerifier(setting: AuthSetting & { kind: 'secret' }): TokenVerifier {
  const bound = { key: new TextEncoder().encode(setting.secret), alg: 'HS256', subject: null }
  return new TokenVerifier({
    claim: setting.claim ?? 'sub',
    ...(setting.issuer === undefined ? {} : { issuer: setting.issuer }),
    ...(setting.audience === undefined ? {} : { audience: setting.audience }),
    required: [],
    key: () => bound,
  })
}

function rolesOf(payload: TokenClaims): readonly string[] {
  const roles = payload.roles ?? payload.role
  if (typeof roles === 'string') return [roles]
  return Array.isArray(roles) ? roles.filter((role) => typeof role === 'string') : []
}
