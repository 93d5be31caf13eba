import type { ClientRequest } from './client-side.ts'
import { SecondRequest } from './http2-message.ts'

/** Several times what browsers and services send; each is read, compared and sent on. */
const MOST_FIELDS = 200

/** Why a request is refused whatever it asks for. */
export interface Refusal {
  readonly status: number
  readonly reason: string
  /** Flat names and values. */
  readonly headers?: readonly string[]
}

/** Looks at a request's first line and framing; null when there is nothing against it. */
export function refusalOf(request: ClientRequest): Refusal | null {
  const { httpVersionMajor, httpVersionMinor, method, rawHeaders } = request
  if (httpVersionMajor < 1 || (httpVersionMajor === 2 && !(request instanceof SecondRequest))) {
    // RFC 9110, 15.6.6. Node reads a head that names another version as if it were of HTTP/1.
    return { status: 505, reason: `HTTP/${request.httpVersion} is not spoken here.` }
  }
  if (rawHeaders.length > MOST_FIELDS * 2) {
    const reason = `The request has ${rawHeaders.length / 2} header fields; ${MOST_FIELDS} are allowed.`
    return { status: 431, reason }
  }
  if (method === 'TRACE') {
    // RFC 9110, 9.3.8: its answer shows the request, and what the gateway added to it.
    const headers = ['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS']
    return { status: 405, reason: 'TRACE is not answered.', headers }
  }
  if (httpVersionMajor === 1 && httpVersionMinor === 0 && request.headers['transfer-encoding']) {
    // RFC 9112, 6.1: a server of HTTP/1.0 on the way reads another end of the body.
    return { status: 400, reason: 'HTTP/1.0 has no Transfer-Encoding.' }
  }
  return null
}
