import { type CryptoKey, importJWK, type JWK } from 'jose'
import { BanyanError } from './errors.ts'

export interface KeySetOptions {
  /** ms on a monotonic clock. */
  readonly now: () => number
  /** After fetching for an unknown kid, how long unknown kids are not fetched for again, ms. */
  readonly coolDownMs?: number
  /** How old keys may become before they are fetched anew, ms. */
  readonly maxAgeMs?: number
}

/** A key and the one algorithm it may be used with: what a token's header claims does not matter. */
export interface BoundKey {
  readonly key: CryptoKey | Uint8Array
  readonly alg: string
  /** The one subject it may speak for, when its set says so (member `sub`); any when null. */
  readonly subject: string | null
}

/** Where a key set is got from: the text of a JSON Web Key Set. */
export type KeySetSource = () => Promise<string>

const COOL_DOWN_MS = 10_000
const MAX_AGE_MS = 600_000
const FETCH_MS = 3_000

/** A key set behind a JWKS URL. */
export function keySetAt(url: string): KeySetSource {
  return async () => {
    const answer = await fetch(url, {
      signal: AbortSignal.timeout(FETCH_MS),
      redirect: 'error',
    })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`it answered ${answer.status}`)
    return text
  }
}

/** The keys of a JSON Web Key Set. Keys once read are used on while their source cannot be reached. */
export class KeySet {
  readonly #source: KeySetSource
  readonly #options: KeySetOptions
  readonly #onChange: () => void
  #keys: ReadonlyMap<string | undefined, BoundKey> | null = null
  #text = ''
  #fetchedAt = Number.NEGATIVE_INFINITY
  #askedAt = Number.NEGATIVE_INFINITY
  /** When an unknown kid was last fetched for. */
  #soughtAt = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | null = null

  constructor(source: KeySetSource, options: KeySetOptions, onChange: () => void) {
    this.#source = source
    this.#options = options
    this.#onChange = onChange
  }

  /**
   * The key with exactly this `kid`, or null when there is none.
   * @throws BanyanError UPSTREAM_UNREACHABLE when no key set was ever fetched, or a fetch for an unknown
   *   kid failed: whether the key exists is then not known.
   */
  async get(kid: string | undefined): Promise<BoundKey | null> {
    const now = this.#options.now()
    if (this.#keys === null) {
      await this.#fetch()
    } else if (now - this.#fetchedAt > (this.#options.maxAgeMs ?? MAX_AGE_MS)) {
      if (now - this.#askedAt > this.#coolDownMs) this.#fetch().catch(() => {})
    }
    const known = this.#keys!.get(kid)
    if (known) return known
    if (this.#fetching) await this.#fetching
    else if (this.#options.now() - this.#soughtAt > this.#coolDownMs) {
      this.#soughtAt = this.#options.now()
      await this.#fetch()
    }
    return this.#keys!.get(kid) ?? null
  }

  get #coolDownMs(): number {
    return this.#options.coolDownMs ?? COOL_DOWN_MS
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#load().finally(() => {
      this.#fetching = null
    })
    return this.#fetching
  }

  async #load(): Promise<void> {
    this.#askedAt = this.#options.now()
    try {
      const text = await this.#source()
      if (text !== this.#text) {
        this.#keys = await bind(JSON.parse(text) as { keys?: unknown })
        this.#text = text
        this.#onChange()
      }
      this.#fetchedAt = this.#options.now()
    } catch (error) {
      const reason = (error as Error).message
      throw new BanyanError(
        'UPSTREAM_UNREACHABLE',
        { upstream: 'key set', reason },
        { cause: error },
      )
    }
  }
}

/** Asymmetric signing keys only; the rest of the set (encryption keys, secrets) is not ours to use. */
async function bind(set: { keys?: unknown }): Promise<Map<string | undefined, BoundKey>> {
  if (!Array.isArray(set.keys)) throw new Error('it is not a JSON Web Key Set')
  const keys = new Map<string | undefined, BoundKey>()
  for (const jwk of set.keys as (JWK & { sub?: unknown })[]) {
    const alg = algorithmOf(jwk)
    if (!alg || (jwk.use !== undefined && jwk.use !== 'sig')) continue
    try {
      const { kty, n, e, crv, x, y } = jwk
      // Public members only, so that a set that leaks a private key cannot be told apart by what it does.
      const members = Object.entries({ kty, n, e, crv, x, y }).filter(([, v]) => v !== undefined)
      const key = await importJWK(Object.fromEntries(members) as JWK, alg)
      keys.set(jwk.kid, { key, alg, subject: typeof jwk.sub === 'string' ? jwk.sub : null })
    } catch {
      // One malformed key must not take the others down.
    }
  }
  return keys
}

const CURVES: Readonly<Record<string, string>> = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
  Ed25519: 'EdDSA',
}
const RSA = new Set(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])

function algorithmOf(jwk: JWK): string | null {
  if (jwk.kty === 'RSA') {
    const alg = jwk.alg ?? 'RS256'
    return RSA.has(alg) ? alg : null
  }
  if (jwk.kty !== 'EC' && jwk.kty !== 'OKP') return null
  const own = CURVES[jwk.crv ?? ''] ?? null
  return jwk.alg === undefined || jwk.alg === own || jwk.alg === jwk.crv ? own : null
}
