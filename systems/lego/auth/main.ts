import type { AddressInfo } from 'node:net'
import { createApp } from './app.ts'
import { openDatabase } from './database.ts'
import { ensureKey } from './keys.ts'
import { readSettings } from './settings.ts'

/** Requests still running this long after SIGTERM are cut off, ms. */
const SHUTDOWN_MS = 30_000

const settings = readSettings(process.env)
const pool = await openDatabase(settings.DATABASE_URL)
await ensureKey(pool, settings.ALGORITHM)

/** Loaded where services may call: it is most of what this process would load. */
const internal = settings.BANYAN_SERVICE_KEYS
  ? (await import('./internal.ts')).internalRoutes(pool, settings, settings.BANYAN_SERVICE_KEYS)
  : null

const server = createApp(pool, settings, internal).listen(settings.PORT, '127.0.0.1', (error) => {
  if (error) throw error
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ event: 'listening', port }))
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    setTimeout(() => server.closeAllConnections(), SHUTDOWN_MS).unref()
    server.close(() => void pool.end().then(() => process.exit(0)))
    server.closeIdleConnections()
  })
}
