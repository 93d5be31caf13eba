import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** @throws Error EADDRINUSE and its like. */
export async function listenOn(
  server: Server,
  at: { readonly host?: string; readonly port: number },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(at.port, at.host ?? '127.0.0.1', () => {
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
