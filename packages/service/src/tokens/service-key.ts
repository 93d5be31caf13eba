import { readFile } from 'node:fs/promises'
import { type KeySetSource, keySetAt } from '@banyan/contracts'
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'

/** Curves a service may sign with, and the one algorithm of each. */
const ALGORITHMS: Readonly<Record<string, string>> = { 'P-256': 'ES256', Ed25519: 'EdDSA' }

/** How old a file's key may become before it is read again, ms. */
const READ_AGAIN_MS = 10_000

export interface ServiceKey {
  readonly kid: string
  readonly alg: string
  readonly key: CryptoKey | Uint8Array
}

/** A service's key pair as JSON Web Keys: the private one is its secret, the public one goes into the set. */
export interface ServiceKeyPair {
  readonly privateJwk: JWK & { kid: string }
  readonly publicJwk: JWK & { kid: string; sub: string }
}

/** Makes a key pair that speaks for `service` alone: the public key says so in its member `sub`. */
export async function newServiceKey(
  service: string,
  alg: 'ES256' | 'EdDSA' = 'ES256',
): Promise<ServiceKeyPair> {
  const pair = await generateKeyPair(alg, { extractable: true })
  const kid = `${service}-${crypto.randomUUID().slice(0, 8)}`
  return {
    privateJwk: { ...(await exportJWK(pair.privateKey)), kid },
    publicJwk: { ...(await exportJWK(pair.publicKey)), kid, use: 'sig', sub: service },
  }
}

/** A key set as a setting names it: the JSON itself, an http(s) URL, or else the path of a file. */
export function keySetFrom(setting: string): KeySetSource {
  if (/^https?:/.test(setting)) return keySetAt(setting)
  return textFrom(setting)
}

/** The private key as a setting names it: the JSON itself, or else the path of a file, read again as it changes. */
export class SigningKey {
  readonly #read: () => Promise<string>
  readonly #now: () => number
  #text = ''
  #key: ServiceKey | null = null
  #readAt = Number.NEGATIVE_INFINITY

  constructor(setting: string, now: () => number = () => performance.now()) {
    this.#read = textFrom(setting)
    this.#now = now
  }

  /**
   * The key to sign with now. Once there was one it is used on while its file is away or half written.
   * @throws Error that says what the key must be, without saying what it is.
   */
  async current(): Promise<ServiceKey> {
    if (this.#key && this.#now() - this.#readAt < READ_AGAIN_MS) return this.#key
    this.#readAt = this.#now()
    try {
      const text = await this.#read()
      if (text !== this.#text) this.#key = await readKey(text)
      this.#text = text
    } catch (error) {
      if (!this.#key) throw error
    }
    return this.#key!
  }
}

function textFrom(setting: string): () => Promise<string> {
  if (setting.trimStart().startsWith('{')) return async () => setting
  return () => readFile(setting, 'utf8')
}

async function readKey(text: string): Promise<ServiceKey> {
  let jwk: Partial<JWK> | null
  try {
    jwk = JSON.parse(text)
  } catch {
    throw new Error('The service key is not JSON; a private JSON Web Key is needed')
  }
  const alg = ALGORITHMS[jwk?.crv ?? '']
  if (!jwk || !alg || typeof jwk.kid !== 'string' || typeof jwk.d !== 'string') {
    throw new Error(
      `The service key must be a private JSON Web Key with "kid" on one of ${Object.keys(ALGORITHMS).join(', ')}`,
    )
  }
  return { kid: jwk.kid, alg, key: await importJWK(jwk as JWK, alg) }
}
