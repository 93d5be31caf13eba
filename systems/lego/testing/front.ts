import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Stands before a service as the gateway and its callers do: each request goes on as it came, with headers
 * that are made anew for it, since what they say is void within minutes.
 */
export async function startFront(
  target: string,
  headers: () => Promise<Readonly<Record<string, string>>>,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { hostname, port } = new URL(target)
  const server = createServer((asked, answer) => {
    const give = async () => {
      const { method, url: path } = asked
      const given = { ...asked.headers, ...(await headers()) }
      const upstream = request({ hostname, port, method, path, headers: given }, (answered) => {
        answer.writeHead(answered.statusCode!, answered.headers)
        answered.pipe(answer)
      })
      // Cut off, and so a failure there: a service that ends a connection has answered nothing.
      upstream.on('error', () => answer.destroy())
      asked.pipe(upstream)
    }
    give().catch(() => answer.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
