import { CORRELATION_HEADER, NOT_OWNER_HEADER } from '@banyan/contracts'

/** An upstream's answer head, as it goes on to the client. */
export interface ResponseHead {
  /** Flat names and values, as the upstream spelled them. */
  readonly headers: string[]
  /** In lower case, without parameters. */
  readonly contentType: string
  readonly contentEncoding: string
  /** Bytes, or -1 when the upstream did not say. */
  readonly contentLength: number
  /** The side met BN001: it does not own the row. */
  readonly notOwner: boolean
  /** A transfer coding whose name would be lost: the body would arrive as another one (RFC 9112, 6.1). */
  readonly otherCoding: boolean
  /** Its body says by itself where it ends. */
  readonly chunked: boolean
}

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'upgrade',
  'te',
])

/** Reads an answer's raw headers in one pass: hop-by-hop ones and those Connection names stay behind. */
export function readResponseHead(
  raw: readonly (Buffer | string)[],
  correlationId: string,
): ResponseHead {
  let headers: string[] = []
  let contentType = ''
  let contentEncoding = ''
  let contentLength = -1
  let notOwner = false
  let otherCoding = false
  let chunked = false
  let named: Set<string> | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const spelled = text(raw[i]!)
    const name = spelled.toLowerCase()
    const value = text(raw[i + 1]!)
    switch (name) {
      case 'content-type':
        contentType = mediaType(value)
        break
      case 'content-encoding':
        contentEncoding = value.trim().toLowerCase()
        break
      case 'content-length':
        contentLength = Number(value)
        break
      case 'transfer-encoding':
        otherCoding ||= chunked || value.trim().toLowerCase() !== 'chunked'
        chunked = true
        continue
      case NOT_OWNER_HEADER:
        notOwner = true
        continue
      case CORRELATION_HEADER:
        continue
      case 'connection':
        if (!/^(keep-alive|close)$/i.test(value)) {
          named ??= new Set()
          for (const token of value.split(',')) named.add(token.trim().toLowerCase())
        }
        continue
      default:
        if (HOP_BY_HOP.has(name)) continue
    }
    headers.push(spelled, value)
  }
  if (named) {
    const drop = named
    drop.delete('content-length')
    headers = headers.filter((_, i) => !drop.has(headers[i & ~1]!.toLowerCase()))
  }
  headers.push(CORRELATION_HEADER, correlationId)
  return { headers, contentType, contentEncoding, contentLength, notOwner, otherCoding, chunked }
}

function mediaType(value: string): string {
  const end = value.indexOf(';')
  return (end === -1 ? value : value.slice(0, end)).trim().toLowerCase()
}

/** What undici gives as bytes. */
export function text(value: Buffer | string): string {
  return typeof value === 'string' ? value : value.toString('latin1')
}
