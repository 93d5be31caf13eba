import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** Who may be believed, and who signs as if. Made anew each time, with nothing of a JOSE library. */
export class Tokens {
  readonly #good = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly #other = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  static readonly ISSUER = 'https://id.shop.example'
  static readonly AUDIENCE = 'shop'
  static readonly KID = 'key-1'

  /** What the gateway fetches: one signing key. */
  get keySet(): string {
    const { kty, crv, x, y } = jwk(this.#good.publicKey)
    return JSON.stringify({ keys: [{ kty, crv, x, y, kid: Tokens.KID, alg: 'ES256', use: 'sig' }] })
  }

  /** The public half of a key that nobody trusts. */
  get otherKey(): object {
    return jwk(this.#other.publicKey)
  }

  /** A token that is good but for what is given. */
  make({ header = {}, claims = {}, by = 'good' }: TokenParts = {}): string {
    const now = Math.floor(Date.now() / 1000)
    const usual = { iss: Tokens.ISSUER, aud: Tokens.AUDIENCE, sub: 'ann', exp: now + 600 }
    const payload = typeof claims === 'string' ? claims : JSON.stringify({ ...usual, ...claims })
    const protectedHeader = { alg: 'ES256', kid: Tokens.KID, ...header }
    const signed = `${encode(JSON.stringify(protectedHeader))}.${encode(payload)}`
    return `${signed}.${this.#sign(signed, by)}`
  }

  #sign(text: string, by: NonNullable<TokenParts['by']>): string {
    if (by === 'nobody') return ''
    // Key confusion: the public key, which everybody has, as the secret of a MAC.
    const pem = { format: 'pem', type: 'spki' } as const
    if (by === 'the public key') {
      return mac(text, this.#good.publicKey.export(pem))
    }
    if (by === 'the empty secret') return mac(text, '')
    const { privateKey } = by === 'good' ? this.#good : this.#other
    return sign('sha256', Buffer.from(text), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    }).toString('base64url')
  }
}

export interface TokenParts {
  readonly header?: object
  /** Beside the usual ones, undefined for none; or the whole payload as text. */
  readonly claims?: object | string
  readonly by?: 'good' | 'other' | 'nobody' | 'the public key' | 'the empty secret'
}

export function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

function mac(text: string, secret: string | Buffer): string {
  return createHmac('sha256', secret).update(text).digest('base64url')
}

function jwk(key: KeyObject) {
  return key.export({ format: 'jwk' })
}
