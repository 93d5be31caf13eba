import { Readable } from 'node:stream'
import type { App } from '@banyan/service'

/**
 * The body of a request, as it comes. Whoever leaves it half way leaves it open: a request that Node destroys under
 * its answer keeps its connection, and whatever the client sends on it next is never read.
 */
export function contentOf(body: unknown): AsyncIterable<Uint8Array> {
  return body instanceof Readable ? body.iterator({ destroyOnReturn: false }) : Readable.from([])
}

/** Reads to its end what nobody has: a refused upload's rest stands before the next request of its connection. */
export function readToTheEnd(app: App): void {
  app.addHook('onResponse', async ({ raw }) => {
    raw.resume()
  })
}
