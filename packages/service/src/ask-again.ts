/** What has taken so long so far is asked for again after a third of that, s: nobody hears of its end much later. */
const SHARE = 1 / 3
const SHORTEST_S = 1
const LONGEST_S = 5

interface Reply {
  header(name: string, value: string): unknown
}

/**
 * Tells whoever waits for something in the background when to ask again (`Retry-After`, RFC 9110, 10.2.3): the longer it has
 * taken, the later. When much comes at once all of it takes longer, and those who ask must not add to it.
 *
 * @param since when it was begun, or waits since
 */
export function askAgain(reply: Reply, since: Date): void {
  const seconds = Math.ceil(((Date.now() - since.getTime()) / 1000) * SHARE)
  reply.header('retry-after', String(Math.min(LONGEST_S, Math.max(SHORTEST_S, seconds))))
}
