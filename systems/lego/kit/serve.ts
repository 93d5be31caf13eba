import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Requests still running this long after SIGTERM are cut off, ms. */
const SHUTDOWN_MS = 30_000

/** Listens, says so on stdout, and ends in order on SIGTERM. `close` ends what the application leans on. */
export async function serve(
  app: FastifyInstance,
  port: number,
  close: () => Promise<void>,
): Promise<void> {
  await app.listen({ port, host: '127.0.0.1' })
  const address = app.server.address() as AddressInfo
  console.log(JSON.stringify({ event: 'listening', port: address.port }))

  const stop = async () => {
    setTimeout(() => app.server.closeAllConnections(), SHUTDOWN_MS).unref()
    await app.close()
    await close()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
}
