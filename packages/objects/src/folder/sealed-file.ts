import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { BanyanError } from '@banyan/contracts'
import { Measured } from '../measured.ts'
import type { ByteRange, FoundObject, ObjectInfo } from '../object-store.ts'
import { storeFailure } from '../store-failure.ts'
import { DATA_KEY_BYTES, idOf, type MasterKeys, WRAPPED_BYTES } from './master-keys.ts'

/*
 * A file: magic, two places for the wrapped data key, the content in chunks of 64 KiB each with its tag,
 * the encrypted footer with its tag, the footer's length. All AES-256-GCM under a data key that this one file
 * has, so a nonce is a counter. The footer names the size, so a file that was cut or lengthened is known;
 * a chunk is verified by itself, so a range costs its own chunks alone.
 */
const MAGIC = Buffer.from('BNO1')
const TAG_BYTES = 16
const CHUNK_BYTES = 64 * 1024
const STORED_CHUNK = CHUNK_BYTES + TAG_BYTES
/** Two: a new one is written and safe before the old one is wiped, so rotation may be killed anywhere. */
const PLACES = 2
const CONTENT_AT = MAGIC.length + PLACES * WRAPPED_BYTES
const FOOTER_NONCE = nonceOf(1, 0)

type Described = Omit<ObjectInfo, 'key' | 'size' | 'sha256'>

/** Writes a whole file; on disk when this resolves. @throws TOO_LARGE, and what the content fails with */
export async function writeSealed(
  file: FileHandle,
  keys: MasterKeys,
  key: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  { maxBytes, ...described }: Described & { readonly maxBytes: number },
): Promise<ObjectInfo> {
  const dataKey = randomBytes(DATA_KEY_BYTES)
  const head = Buffer.concat([MAGIC, keys.wrap(dataKey, key), Buffer.alloc(WRAPPED_BYTES)])
  await writeAll(file, head, 0)
  const measured = new Measured(maxBytes)
  let at = CONTENT_AT
  let index = 0
  for await (const chunk of inChunks(measured.through(content))) {
    const sealed = seal(dataKey, nonceOf(0, index++), key, chunk)
    await writeAll(file, sealed, at)
    at += sealed.length
  }
  const info = { ...measured.result(), ...described }
  const footer = seal(dataKey, FOOTER_NONCE, key, Buffer.from(JSON.stringify(info)))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(footer.length)
  await writeAll(file, Buffer.concat([footer, length]), at)
  await file.sync()
  return { key, ...info }
}

/** A file that was opened: what it holds, and its content on demand. */
export class SealedFile {
  readonly info: FoundObject
  readonly #file: FileHandle
  readonly #dataKey: Buffer

  private constructor(file: FileHandle, dataKey: Buffer, info: FoundObject) {
    this.#file = file
    this.#dataKey = dataKey
    this.info = info
  }

  /** @throws BanyanError OBJECT_UNREADABLE */
  static async open(file: FileHandle, keys: MasterKeys, key: string): Promise<SealedFile> {
    const unreadable = (reason: string) => new BanyanError('OBJECT_UNREADABLE', { key, reason })
    const { size: fileSize } = await file.stat()
    if (fileSize < CONTENT_AT + TAG_BYTES + 4) throw unreadable('it is cut off')
    const { dataKey } = await readDataKey(file, keys, key)
    const length = (await readAt(file, fileSize - 4, 4)).readUInt32BE()
    const footerAt = fileSize - 4 - length
    const damaged = unreadable('its footer is damaged')
    if (length < TAG_BYTES || footerAt < CONTENT_AT) throw damaged
    const footer = unseal(dataKey, FOOTER_NONCE, key, await readAt(file, footerAt, length))
    if (!footer) throw damaged
    const { size, storedAt, ...rest } = JSON.parse(footer.toString()) as ObjectInfo
    if (footerAt - CONTENT_AT !== size + Math.ceil(size / CHUNK_BYTES) * TAG_BYTES) {
      throw unreadable('its content is longer or shorter than its footer says')
    }
    const version = `${storedAt}/${rest.sha256}`
    const info = { ...rest, key, size, version, storedAt: new Date(storedAt) }
    return new SealedFile(file, dataKey, info)
  }

  /** Verified chunk by chunk; closes the file when it ends or is destroyed. */
  stream({ start, end }: Required<ByteRange>): Readable {
    const { size, key } = this.info
    let next = start
    const read = async (): Promise<Buffer | null> => {
      if (next > end) return null
      const index = Math.floor(next / CHUNK_BYTES)
      const first = index * CHUNK_BYTES
      const length = Math.min(CHUNK_BYTES, size - first)
      const stored = await readAt(this.#file, CONTENT_AT + index * STORED_CHUNK, length + TAG_BYTES)
      const chunk = unseal(this.#dataKey, nonceOf(0, index), key, stored)
      if (!chunk) {
        const reason = `its content is damaged near byte ${first}`
        throw new BanyanError('OBJECT_UNREADABLE', { key, reason })
      }
      const part = chunk.subarray(next - first, Math.min(length, end + 1 - first))
      next = first + length
      return part
    }
    const file = this.#file
    return new Readable({
      highWaterMark: CHUNK_BYTES,
      read() {
        read().then(
          (part) => this.push(part),
          (error: Error) => this.destroy(error),
        )
      },
      destroy(error, done) {
        file.close().then(
          () => done(error),
          () => done(error),
        )
      },
    })
  }
}

/**
 * Closes the data key with the current master key, in place: the content stays as it is, and who puts the
 * object anew meanwhile replaces the file, so nothing is lost to either.
 *
 * @returns whether it was closed with another one
 */
export async function rewrap(file: FileHandle, keys: MasterKeys, key: string): Promise<boolean> {
  const { dataKey, place, id, otherIsEmpty } = await readDataKey(file, keys, key)
  const current = id === keys.current
  if (current && otherIsEmpty) return false
  const placeAt = (n: number) => MAGIC.length + n * WRAPPED_BYTES
  if (!current) {
    await writeAll(file, keys.wrap(dataKey, key), placeAt(1 - place))
    await file.sync()
  }
  await writeAll(file, Buffer.alloc(WRAPPED_BYTES), placeAt(current ? 1 - place : place))
  await file.sync()
  return true
}

async function readDataKey(file: FileHandle, keys: MasterKeys, key: string) {
  const head = await readAt(file, 0, CONTENT_AT)
  const wrappedKeys = [0, 1].map((place) => {
    const from = MAGIC.length + place * WRAPPED_BYTES
    return head.subarray(from, from + WRAPPED_BYTES)
  })
  const found = wrappedKeys.flatMap((wrapped, place) => {
    const dataKey = keys.unwrap(wrapped, key)
    const otherIsEmpty = wrappedKeys[1 - place]!.every((byte) => byte === 0)
    return dataKey ? [{ dataKey, place, id: idOf(wrapped), otherIsEmpty }] : []
  })
  // Both are there when a rotation was killed between its writes.
  const best = found.find(({ id }) => id === keys.current) ?? found[0]
  if (best) return best
  const ids = wrappedKeys.map(idOf).filter((id) => /^[a-z0-9-]+$/.test(id))
  const unknown = ids.filter((id) => !keys.ids.includes(id))
  const reason =
    ids.length > 0 && unknown.length === ids.length
      ? `its master key "${unknown[0]}" is not among those given (${keys.ids.join(', ')})`
      : 'its key is damaged, or it was stored under another name'
  throw new BanyanError('OBJECT_UNREADABLE', { key, reason })
}

async function* inChunks(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let chunk = Buffer.alloc(CHUNK_BYTES)
  let filled = 0
  for await (const part of parts) {
    for (let from = 0; from < part.length; ) {
      const taken = Math.min(part.length - from, CHUNK_BYTES - filled)
      chunk.set(part.subarray(from, from + taken), filled)
      filled += taken
      from += taken
      if (filled < CHUNK_BYTES) continue
      yield chunk
      chunk = Buffer.alloc(CHUNK_BYTES)
      filled = 0
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled)
}

function seal(dataKey: Buffer, nonce: Buffer, key: string, plain: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', dataKey, nonce)
  cipher.setAAD(Buffer.from(key))
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** null when it is not what was sealed. */
function unseal(dataKey: Buffer, nonce: Buffer, key: string, sealed: Buffer): Buffer | null {
  const decipher = createDecipheriv('aes-256-gcm', dataKey, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(key))
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  try {
    const plain = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES))
    return Buffer.concat([plain, decipher.final()])
  } catch {
    return null
  }
}

function nonceOf(domain: number, index: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(domain)
  nonce.writeBigUInt64BE(BigInt(index), 4)
  return nonce
}

async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
      done += bytesWritten
    }
  } catch (error) {
    throw storeFailure('folder', error)
  }
}

/** Less than asked for only where the file ends; unsealing finds that out. */
async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes
}
