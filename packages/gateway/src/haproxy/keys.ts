import { createHash, createPublicKey, type JsonWebKey } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MapLine } from './maps.ts'

/** Keys are fetched anew when they are so old, ms. */
const MAX_AGE_MS = 600_000
/** After fetching for a key that is not known, or in vain, ms until the next time. */
const COOL_DOWN_MS = 10_000
const FETCH_MS = 3_000

/** What HAProxy 2.6 verifies; EdDSA it does not. */
const CURVES: Readonly<Record<string, string>> = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
}
const RSA = new Set(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])

interface PublicKey {
  readonly kid: string
  readonly alg: string
  readonly pem: string
}

/**
 * The signing keys of a JSON Web Key Set that HAProxy can verify with, each bound to one algorithm.
 *
 * @throws Error when it is no key set.
 */
export function keysOf(text: string): PublicKey[] {
  const { keys } = JSON.parse(text) as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error('it is not a JSON Web Key Set')
  return (keys as (JsonWebKey & { kid?: string; use?: string; alg?: string })[]).flatMap((jwk) => {
    const { kty, crv = '', n, e, x, y, kid = '', use = 'sig' } = jwk
    const alg = kty === 'RSA' ? (jwk.alg ?? 'RS256') : CURVES[crv]
    if (!alg || use !== 'sig' || (kty === 'RSA' && !RSA.has(alg)) || /\s/.test(kid)) return []
    // Public members only, whatever the set has leaked.
    const members = Object.entries({ kty, crv: crv || undefined, n, e, x, y })
    const key = Object.fromEntries(members.filter(([, value]) => value !== undefined))
    try {
      const pem = createPublicKey({ key: key as JsonWebKey, format: 'jwk' })
      return [{ kid, alg, pem: pem.export({ type: 'spki', format: 'pem' }) as string }]
    } catch {
      // One malformed key must not take the others down.
      return []
    }
  })
}

export interface KeysOptions {
  readonly url: string
  readonly folder: string
  /** ms on a monotonic clock. */
  readonly now: () => number
  /** Gives HAProxy the lines of its map. */
  readonly publish: (lines: readonly MapLine[]) => Promise<void>
  readonly onTrouble: (reason: string) => void
}

/** Keeps HAProxy's keys those of a key set; the ones it has go on to be used while the set is away. */
export class HaproxyKeys {
  readonly #options: KeysOptions
  #lines: readonly MapLine[] | null = null
  #text = ''
  #generation = 0
  #fetchedS = 0
  #fetchedAt = Number.NEGATIVE_INFINITY
  #askedAt = Number.NEGATIVE_INFINITY
  #sought = 0

  constructor(options: KeysOptions) {
    this.#options = options
  }

  /** Gives a HAProxy that has just started what is known. */
  async publish(): Promise<void> {
    if (!this.#lines) return
    await this.#options.publish([...this.#lines, ['fetched', String(this.#fetchedS)]])
  }

  /**
   * Fetches the set where it is due; called again and again.
   *
   * @param sought when a token last named a key that HAProxy does not have, s: HAProxy's word.
   */
  async look(sought: number): Promise<void> {
    const now = this.#options.now()
    const old = now - this.#fetchedAt > MAX_AGE_MS
    if (!old && sought <= this.#sought) return
    if (this.#lines && now - this.#askedAt < COOL_DOWN_MS) return
    this.#sought = sought
    this.#askedAt = now
    try {
      await this.#fetch()
      this.#fetchedAt = now
    } catch (error) {
      this.#options.onTrouble((error as Error).message)
    }
  }

  async #fetch(): Promise<void> {
    const answer = await fetch(this.#options.url, {
      signal: AbortSignal.timeout(FETCH_MS),
      redirect: 'error',
    })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`it answered ${answer.status}`)
    if (text !== this.#text) await this.#read(text)
    this.#fetchedS = Math.floor(Date.now() / 1000)
    await this.publish()
  }

  async #read(text: string): Promise<void> {
    const lines: MapLine[] = []
    for (const { kid, alg, pem } of keysOf(text)) {
      // Named after its content: HAProxy reads a file once, and a key that changed must be another file.
      const file = join(
        this.#options.folder,
        `${createHash('sha256').update(pem).digest('hex').slice(0, 32)}.pem`,
      )
      await writeFile(file, pem)
      lines.push([`kid/${kid}`, `${alg} ${file}`])
    }
    this.#generation++
    this.#lines = [...lines, ['generation', String(this.#generation)]]
    this.#text = text
  }
}
