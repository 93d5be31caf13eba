import { constants, Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { BanyanError } from '@banyan/contracts'

/** As a head of HTTP/1 may have. */
const HEAD_BYTES = 16 * 1024
/** What RFC 9113, 8.2.2 forbids: another connection's framing, smuggled into what is sent on by HTTP/1. */
const OF_A_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** A request of HTTP/2; its `rawHeaders` are those that it would have in HTTP/1, once they were read. */
export class SecondRequest extends Http2ServerRequest {
  /** Of its body that have come. */
  bytesRead = 0

  constructor(...given: ConstructorParameters<typeof Http2ServerRequest>) {
    super(...given)
    // Of a body that breaks off: its call hears of that by its answer's end.
    this.on('error', () => {})
  }

  /** @throws BanyanError BAD_REQUEST. */
  readFields(): void {
    const value = fieldsOf(this.rawHeaders, this.stream.endAfterHeaders)
    Object.defineProperty(this, 'rawHeaders', { value })
  }

  /** Whether it has a body, or may have: only its end tells. */
  get hasBody(): boolean {
    return !this.stream.endAfterHeaders
  }

  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    if (chunk) this.bytesRead += chunk.length
    else if (!this.stream.readableEnded) {
      // Node ends it as if it were whole: an upstream must not take half a body for all of it.
      this.destroy(new Error('the request was taken back'))
      return false
    }
    return super.push(chunk, encoding)
  }

  /** Takes no more of its body once it is answered (RFC 9113, 8.1). */
  dropBody(): void {
    const { stream } = this
    // In a turn of its own: the stream finishes while Node sends for the session, and what is sent from there begins
    // the same sending anew, without an end and until the memory is full.
    stream.once('finish', () => setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR)))
  }
}

/** An answer of HTTP/2, written as one of HTTP/1 is. */
export class SecondResponse extends Http2ServerResponse<SecondRequest> {
  /** Means nothing here: connections end by a frame of their own. */
  shouldKeepAlive = true
  /** Of Node's class, and missing in its types. */
  declare flushHeaders: () => void

  /** Whether all of it has gone out; Node ends it as well when its client has taken the request back. */
  get isWhole(): boolean {
    return this.writableFinished && !this.stream.aborted
  }

  /** @param given a reason, which HTTP/2 does not have, and flat names and values. */
  override writeHead(status: number, ...given: unknown[]): this {
    const headers = given.find(Array.isArray) as string[] | undefined
    return super.writeHead(status, headers ? (joined(headers) as never) : {})
  }

  override addTrailers(trailers: object): void {
    super.addTrailers(Object.fromEntries(trailers as [string, string][]))
  }

  /** Without an end of the answer, so that it cannot pass for whole. */
  override destroy(): this {
    this.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    return this
  }
}

/**
 * The fields of a request as HTTP/1 has them (RFC 9113, 8.3): Host for `:authority`, one Cookie, and a
 * Transfer-Encoding for a body of unknown length. What nghttp2 has refused already is refused here as well.
 *
 * @throws BanyanError BAD_REQUEST.
 */
function fieldsOf(raw: readonly string[], ended: boolean): string[] {
  const fields: string[] = []
  const pseudo: Record<string, string> = {}
  const cookies: string[] = []
  let host: string | undefined
  let hasLength = false
  let bytes = 0
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    const value = raw[i + 1]!
    bytes += name.length + value.length + 4
    if (/[\0\r\n]/.test(value)) throw bad(`"${name}" has a control in its value.`)
    if (name.startsWith(':')) {
      if (pseudo[name] !== undefined) throw bad(`There are two "${name}".`)
      pseudo[name] = value
    } else if (OF_A_CONNECTION.has(name) || (name === 'te' && value !== 'trailers')) {
      throw bad(`HTTP/2 has no "${name}: ${value.slice(0, 40)}".`)
    } else if (name === 'host') {
      if (host !== undefined) throw bad('The request has more than one Host.')
      host = value
    } else if (name === 'cookie') cookies.push(value)
    else {
      hasLength ||= name === 'content-length'
      fields.push(name, value)
    }
  }
  if (bytes > HEAD_BYTES) throw bad(`The head has more than ${HEAD_BYTES} bytes.`)
  const { ':authority': authority, ':scheme': scheme, ':path': path = '' } = pseudo
  if (pseudo[':protocol'] !== undefined) throw bad('Extended CONNECT is not spoken here.')
  if (scheme !== 'https') throw bad(`":scheme" is "${scheme}" on a connection of https.`)
  if (!path.startsWith('/')) throw bad('":path" must begin with "/".')
  if (authority !== undefined && host !== undefined && !sameHost(authority, host)) {
    throw bad('":authority" and Host name different hosts.')
  }
  const named = authority ?? host
  if (named === undefined) throw bad('The request names no host.')
  fields.unshift('Host', named)
  if (cookies.length > 0) fields.push('cookie', cookies.join('; '))
  if (!ended && !hasLength) fields.push('transfer-encoding', 'chunked')
  return fields
}

function sameHost(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

/** Fields of the same name as one, but for cookies: Node takes one of each alone. */
function joined(headers: readonly string[]): string[] {
  const values = new Map<string, string>()
  const cookies: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    const value = headers[i + 1]!
    if (OF_A_CONNECTION.has(name)) continue
    if (name === 'set-cookie') cookies.push(name, value)
    else values.set(name, values.has(name) ? `${values.get(name)}, ${value}` : value)
  }
  return [...[...values].flat(), ...cookies]
}

function bad(reason: string): BanyanError {
  return new BanyanError('BAD_REQUEST', { reason })
}
