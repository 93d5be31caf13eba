import type { AddressInfo } from 'node:net'
import type { Express } from 'express'
import { createApp } from './app.ts'
import { connect } from './db/connect.ts'
import { migrate } from './db/migrate.ts'
import { createRetiredApp } from './retired.ts'
import { readRetired, readSettings } from './settings.ts'
import { ReorderWorker } from './wishlist/reorder-worker.ts'

/** Requests still running this long after SIGTERM are cut off, ms. */
const SHUTDOWN_MS = 30_000

interface Work {
  readonly port: number
  readonly app: Express
  end(): Promise<void>
}

const retired = readRetired(process.env)
const work = retired
  ? { port: retired.PORT, app: createRetiredApp(), end: async () => {} }
  : await begin()

const server = work.app.listen(work.port, '127.0.0.1', (error) => {
  if (error) throw error
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ event: 'listening', port }))
})
// Longer than a proxy keeps its idle connections (often 60 s): it must not send into one just closed.
server.keepAliveTimeout = 75_000

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void stop())
}

async function begin(): Promise<Work> {
  const settings = readSettings(process.env)
  const connection = connect(settings.DATABASE_URL)
  await migrate(connection.pool)
  const worker = new ReorderWorker(connection.db)
  worker.start()
  return {
    port: settings.PORT,
    app: createApp(connection, settings),
    end: async () => {
      await worker.stop()
      await connection.pool.end()
    },
  }
}

async function stop(): Promise<void> {
  setTimeout(() => server.closeAllConnections(), SHUTDOWN_MS).unref()
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  await closed
  await work.end()
  process.exit(0)
}
