import type { AddressInfo } from 'node:net'
import { createApp } from './app.ts'
import { connect } from './database.ts'
import { ReorderWorker } from './reorder-worker.ts'
import { readSettings } from './service.ts'

/** Requests still running this long after SIGTERM are cut off, ms. */
const SHUTDOWN_MS = 30_000

const settings = readSettings(process.env)
const connection = await connect(settings.DATABASE_URL)
const app = await createApp(connection, settings)
const worker = new ReorderWorker(connection.db, app.log)

await app.listen({ port: settings.PORT, host: '127.0.0.1' })
worker.start()
const { port } = app.server.address() as AddressInfo
console.log(JSON.stringify({ event: 'listening', port }))

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void stop())
}

async function stop(): Promise<void> {
  setTimeout(() => app.server.closeAllConnections(), SHUTDOWN_MS).unref()
  await app.close()
  await worker.stop()
  await connection.pool.end()
  process.exit(0)
}
