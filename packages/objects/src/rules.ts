import { BanyanError } from '@banyan/contracts'
import type { ByteRange, ListOptions, PutOptions, SignedUrlOptions } from './object-store.ts'

/** Twice as long as any key we know, half of what S3 takes. */
const KEY_BYTES = 512
/** File systems take names of 255 bytes. */
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._=@+-]{0,199}$/
/** S3 takes 2 KB of user metadata, of which we use some. */
const METADATA_BYTES = 1_800
/** Half a character cannot be written as UTF-8. */
const LONE = /\p{Surrogate}/u
const LARGEST_PAGE = 1_000
const LONGEST_S = 604_800
const LARGEST_BYTES = 5 * 1024 ** 3

/** @throws BanyanError BAD_OBJECT_KEY */
export function checkKey(key: string): void {
  const refuse = (reason: string): never => {
    throw new BanyanError('BAD_OBJECT_KEY', { given: key.slice(0, 100), reason })
  }
  if (key === '') refuse('it is empty')
  if (key.length > KEY_BYTES) refuse(`it has ${key.length} bytes, ${KEY_BYTES} are allowed`)
  const odd = key.split('/').find((segment) => !SEGMENT.test(segment))
  if (odd === undefined) return
  refuse(
    `"${odd.slice(0, 50)}" is no segment: 1 to 200 of A–Z, a–z, 0–9 and "._=@+-", the first one a letter, a digit or "_"`,
  )
}

/** A prefix is a beginning of a key that is allowed, or empty. @throws BanyanError BAD_OBJECT_KEY, BAD_OBJECT */
export function checkList({ prefix = '', after, limit = LARGEST_PAGE }: ListOptions): {
  prefix: string
  after: string
  limit: number
} {
  if (prefix !== '') checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix)
  if (after !== undefined) checkKey(after)
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_PAGE) {
    throw badObject('limit', limit, `an integer from 1 to ${LARGEST_PAGE}`)
  }
  return { prefix, after: after ?? '', limit }
}

/** @throws BanyanError BAD_OBJECT */
export function checkPut({ contentType, metadata = {}, maxBytes = LARGEST_BYTES }: PutOptions): {
  contentType: string
  metadata: Readonly<Record<string, string>>
  maxBytes: number
} {
  if (contentType.length > 200 || !/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+( *;[ -~]*)?$/.test(contentType)) {
    throw badObject('contentType', contentType, 'a media type such as "image/webp"')
  }
  let bytes = 0
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) {
      throw badObject('a name in metadata', name, '1 to 64 of a–z, 0–9 and "-"')
    }
    if (typeof value !== 'string' || LONE.test(value)) {
      throw badObject(`metadata ${name}`, value, 'text')
    }
    bytes += name.length + encodeURIComponent(value).length
  }
  if (bytes > METADATA_BYTES) {
    throw badObject('metadata', `${bytes} bytes`, `at most ${METADATA_BYTES} bytes`)
  }
  if (!Number.isInteger(maxBytes) || maxBytes < 0) {
    throw badObject('maxBytes', maxBytes, 'an integer from 0 on')
  }
  return { contentType, metadata: { ...metadata }, maxBytes }
}

/** @throws BanyanError BAD_OBJECT */
export function checkSignedUrl({ expiresInS, method, fileName }: SignedUrlOptions): void {
  if (!Number.isInteger(expiresInS) || expiresInS < 1 || expiresInS > LONGEST_S) {
    throw badObject('expiresInS', expiresInS, `an integer from 1 to ${LONGEST_S}`)
  }
  if (!['GET', 'HEAD'].includes(method)) throw badObject('method', method, 'GET or HEAD')
  if (fileName === undefined) return
  if (fileName === '' || fileName.length > 200 || LONE.test(fileName)) {
    throw badObject('fileName', fileName, '1 to 200 characters')
  }
}

/** The bytes of an object that a range means. @throws BanyanError BAD_RANGE */
export function resolveRange(range: ByteRange, size: number): Required<ByteRange> {
  const { start, end = size - 1 } = range
  const whole = Number.isInteger(start) && Number.isInteger(end)
  if (!whole || start < 0 || end < start || start >= size) {
    throw new BanyanError('BAD_RANGE', { given: `${start}-${range.end ?? ''}`, size })
  }
  return { start, end: Math.min(end, size - 1) }
}

/** RFC 6266: how a browser is told to save it, under which name. */
export function contentDisposition(fileName: string): string {
  const plain = fileName.replace(/[^\w.()+ -]/g, '_')
  const exact = encodeURIComponent(fileName).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`
}

function badObject(what: string, given: unknown, allowed: string): BanyanError {
  const text = typeof given === 'string' ? `"${given.slice(0, 100)}"` : String(given)
  return new BanyanError('BAD_OBJECT', { what, given: text, allowed })
}
