import type { ClientRequest } from './client-side.ts'
import { SecondRequest } from './http2-message.ts'

/** What must come at least while a body is not whole, bytes a second: Apache's mod_reqtimeout asks for as much. */
const LEAST_PER_SECOND = 500

/**
 * Watches a request's body come, and calls `onSlow` once when in a time of `windowMs` less came than a slow
 * line brings. While something of it waits here unread, it is not the client that is slow.
 *
 * @param excused whether the client need not send now.
 * @returns ends the watch.
 */
export function watchBody(
  request: ClientRequest,
  windowMs: number,
  excused: () => boolean,
  onSlow: () => void,
): () => void {
  let timer = setTimeout(look, windowMs)
  let before = bytesOf(request)
  function look() {
    if (request.complete || request.destroyed) return
    const bytesRead = bytesOf(request)
    const waits = request.readableLength > 0 || excused()
    if (!waits && bytesRead - before < (LEAST_PER_SECOND * windowMs) / 1000) {
      onSlow()
      return
    }
    before = bytesRead
    timer = setTimeout(look, windowMs)
  }
  return () => clearTimeout(timer)
}

/** Of the connection; in HTTP/2, where others share it, of the request itself. */
function bytesOf(request: ClientRequest): number {
  return request instanceof SecondRequest ? request.bytesRead : request.socket.bytesRead
}
