import type { AddressInfo } from 'node:net'
import { createWeb } from './server.ts'
import { readSettings } from './settings.ts'

/** Requests still running this long after SIGTERM are cut off, ms. */
const SHUTDOWN_MS = 30_000

const settings = readSettings(process.env)
const app = await createWeb(settings)
await app.listen({ port: settings.PORT, host: settings.HOST })
const { port } = app.server.address() as AddressInfo
console.log(JSON.stringify({ event: 'listening', port }))

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    setTimeout(() => app.server.closeAllConnections(), SHUTDOWN_MS).unref()
    void app.close().then(() => process.exit(0))
  })
}
