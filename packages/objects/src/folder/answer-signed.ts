import { BanyanError } from '@banyan/contracts'
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  SignedAnswer,
  SignedRequest,
} from '../object-store.ts'
import { checkKey, contentDisposition, resolveRange } from '../rules.ts'
import type { UrlSigner } from './url-signer.ts'

/**
 * Answers a request to a signed URL of a folder, with ranges (RFC 9110, 14).
 *
 * @throws BanyanError BAD_SIGNED_URL, NOT_FOUND, BAD_RANGE
 */
export async function answerSigned(
  store: Pick<ObjectStore, 'get' | 'head'>,
  signer: UrlSigner,
  asked: SignedRequest,
): Promise<SignedAnswer> {
  checkKey(asked.key)
  const { fileName } = signer.verify(asked)
  const info = await store.head(asked.key)
  if (!info) throw new BanyanError('NOT_FOUND', { what: 'object' })
  const range = rangeOf(asked.range)
  const part = range && resolveRange(range(info.size), info.size)
  const headers = { ...headersOf(info, fileName), ...(part ? partHeaders(part, info.size) : {}) }
  if (asked.method === 'HEAD') return { status: part ? 206 : 200, headers, body: null }
  const { stream } = await store.get(asked.key, part ? { range: part } : {})
  return { status: part ? 206 : 200, headers, body: stream }
}

function headersOf(info: ObjectInfo, fileName: string | null): Record<string, string> {
  return {
    'content-type': info.contentType,
    'content-length': String(info.size),
    'accept-ranges': 'bytes',
    'last-modified': info.storedAt.toUTCString(),
    ...(info.sha256 === null ? {} : { etag: `"${info.sha256}"` }),
    ...(fileName === null ? {} : { 'content-disposition': contentDisposition(fileName) }),
    // What users have stored must not run as a page of ours.
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  }
}

function partHeaders({ start, end }: Required<ByteRange>, size: number): Record<string, string> {
  return {
    'content-range': `bytes ${start}-${end}/${size}`,
    'content-length': String(end - start + 1),
  }
}

/** One range; several, or what is no range of bytes, are ignored, as RFC 9110 allows. */
function rangeOf(header: string | undefined): ((size: number) => ByteRange) | null {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return null
  if (first === '') return (size) => ({ start: Math.max(0, size - Number(last)) })
  return () => ({ start: Number(first), ...(last === '' ? {} : { end: Number(last) }) })
}
