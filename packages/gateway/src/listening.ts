import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * @param exclusive not shared by the workers of a cluster.
 * @throws Error EADDRINUSE and its like.
 */
export async function listenOn(
  server: Server,
  { host = '127.0.0.1', port }: { readonly host?: string; readonly port: number },
  exclusive = false,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** @throws Error when it does not listen yet. */
export function portOf(server: Server): number {
  const address = server.address() as AddressInfo | null
  if (!address) throw new Error('the gateway does not listen yet')
  return address.port
}

/** How it is reached from this machine. */
export function urlOf(port: number, host: string | undefined, scheme = 'http'): string {
  const reachable = host === undefined || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
