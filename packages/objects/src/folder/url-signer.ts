import { createHmac, timingSafeEqual } from 'node:crypto'
import { BanyanError } from '@banyan/contracts'
import type { SignedRequest, SignedUrlOptions } from '../object-store.ts'
import type { MasterKeys } from './master-keys.ts'

/** Makes URLs that carry their own permission (HMAC-SHA256), and knows them again. */
export class UrlSigner {
  readonly #keys: MasterKeys
  readonly #publicUrl: string

  constructor(keys: MasterKeys, publicUrl: string) {
    this.#keys = keys
    this.#publicUrl = publicUrl.replace(/\/+$/, '')
  }

  sign(key: string, { expiresInS, method, fileName }: SignedUrlOptions): string {
    const expires = String(Math.floor(Date.now() / 1000) + expiresInS)
    const { current } = this.#keys
    const query = new URLSearchParams({
      expires,
      'key-id': current,
      ...(fileName === undefined ? {} : { name: fileName }),
      signature: this.#signature(current, [method, key, expires, fileName ?? null])!,
    })
    return `${this.#publicUrl}/${key.split('/').map(encodeURIComponent).join('/')}?${query}`
  }

  /**
   * Which object a URL lets have, and under which name it is saved.
   *
   * @throws BanyanError BAD_SIGNED_URL: forged, changed, for another method, or expired
   */
  verify({ method, key, query }: Omit<SignedRequest, 'range'>): { fileName: string | null } {
    const [expires, id, signature] = ['expires', 'key-id', 'signature'].map((n) => textOf(query[n]))
    const fileName = query.name === undefined ? null : textOf(query.name)
    const expected = this.#signature(id!, [method, key, expires!, fileName])
    if (expected === null || !same(expected, signature!)) {
      const reason = 'Its signature is not that of this key, method and time'
      throw new BanyanError('BAD_SIGNED_URL', { reason })
    }
    const endsAt = Number(expires) * 1000
    if (endsAt <= Date.now()) {
      const reason = `It expired at ${new Date(endsAt).toISOString()}`
      throw new BanyanError('BAD_SIGNED_URL', { reason })
    }
    return { fileName }
  }

  #signature(id: string, parts: readonly (string | null)[]): string | null {
    const key = this.#keys.signingKey(id)
    return key && createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url')
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
