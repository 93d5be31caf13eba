import type { IncomingMessage } from 'node:http'

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
  request: IncomingMessage,
  windowMs: number,
  excused: () => boolean,
  onSlow: () => void,
): () => void {
  let timer = setTimeout(look, windowMs)
  let before = request.socket.bytesRead
  function look() {
    if (request.complete || request.destroyed) return
    const { bytesRead } = request.socket
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
