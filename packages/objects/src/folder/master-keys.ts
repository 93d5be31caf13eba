import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { BanyanError } from '@banyan/contracts'

const ID_BYTES = 32
const NONCE_BYTES = 12
export const DATA_KEY_BYTES = 32
const TAG_BYTES = 16

/** A data key as it stands in a file: id of the master key, nonce, encrypted key, tag. */
export const WRAPPED_BYTES = ID_BYTES + NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES

/**
 * The keys that open objects' own keys: `id:base64` of 32 bytes, more with commas. The first one closes
 * new objects; the others open those that it has not reached yet (`rotateKeys`).
 */
export class MasterKeys {
  readonly current: string
  readonly #keys = new Map<string, Buffer>()

  /** @throws BanyanError BAD_OBJECT_STORE; it does not repeat the keys */
  constructor(setting: string) {
    for (const [i, pair] of setting.split(',').entries()) {
      const [, id, text] = /^([a-z0-9-]{1,32}):([A-Za-z0-9+/_-]{43}=?)$/.exec(pair.trim()) ?? []
      if (id === undefined || text === undefined) {
        const reason = `Master key ${i + 1} is not "id:key": an id of 1 to 32 of a–z, 0–9 and "-", and 32 bytes in base64`
        throw new BanyanError('BAD_OBJECT_STORE', { reason })
      }
      if (this.#keys.has(id)) {
        throw new BanyanError('BAD_OBJECT_STORE', { reason: `Master key "${id}" is given twice` })
      }
      this.#keys.set(id, Buffer.from(text, 'base64'))
    }
    this.current = this.ids[0]!
  }

  get ids(): string[] {
    return [...this.#keys.keys()]
  }

  /** A data key, closed by the current master key for this object and no other. */
  wrap(dataKey: Buffer, objectKey: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#keys.get(this.current)!, nonce)
    cipher.setAAD(bound(this.current, objectKey))
    const closed = Buffer.concat([cipher.update(dataKey), cipher.final()])
    const id = Buffer.alloc(ID_BYTES)
    id.write(this.current, 'ascii')
    return Buffer.concat([id, nonce, closed, cipher.getAuthTag()])
  }

  /** The data key, or null where this does not hold one that our keys open for this object. */
  unwrap(wrapped: Buffer, objectKey: string): Buffer | null {
    const id = idOf(wrapped)
    const key = this.#keys.get(id)
    if (!key) return null
    const nonce = wrapped.subarray(ID_BYTES, ID_BYTES + NONCE_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(bound(id, objectKey))
    decipher.setAuthTag(wrapped.subarray(WRAPPED_BYTES - TAG_BYTES))
    const closed = wrapped.subarray(ID_BYTES + NONCE_BYTES, WRAPPED_BYTES - TAG_BYTES)
    try {
      return Buffer.concat([decipher.update(closed), decipher.final()])
    } catch {
      return null
    }
  }

  /** What signs with a master key, and cannot be told to open anything; null for an id not given. */
  signingKey(id: string): Buffer | null {
    const key = this.#keys.get(id)
    return key ? Buffer.from(hkdfSync('sha256', key, '', 'banyan-objects signed-url', 32)) : null
  }
}

/** Which master key has closed a data key; empty where there is none. */
export function idOf(wrapped: Buffer): string {
  return wrapped.toString('ascii', 0, ID_BYTES).replace(/\0+$/, '')
}

function bound(id: string, objectKey: string): Buffer {
  return Buffer.from(`banyan-objects 1\0${id}\0${objectKey}`)
}
