import type { AddressInfo } from 'node:net'
import { createPortal } from './portal.ts'
import { readSettings } from './settings.ts'

const settings = readSettings(process.env)
const app = createPortal(settings)
await app.listen({ port: settings.PORT, host: settings.HOST })
const { port } = app.server.address() as AddressInfo
console.log(JSON.stringify({ event: 'listening', port }))

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // What is under way ends within the two seconds that a service has to answer.
  process.once(signal, () => void app.close().then(() => process.exit(0)))
}
