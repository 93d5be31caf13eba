import type { AddressInfo } from 'node:net'
import { createApp } from './app.ts'
import { openDatabase } from './database.ts'
import { ensureKey } from './keys.ts'
import { postgresUsers } from './postgres-users.ts'
import { readSettings } from './settings.ts'

/** Requests still running this long after SIGTERM are cut off, ms. */
const SHUTDOWN_MS = 30_000

const settings = readSettings(process.env)
const pool = await openDatabase(settings.DATABASE_URL)
await ensureKey(pool, settings.ALGORITHM)

// Loaded where they are asked for: each is more than all the rest of this process.
const { USERS_URL, BANYAN_SERVICE_KEYS } = settings
const users = USERS_URL
  ? await (await import('./mongo-users.ts')).openMongoUsers(USERS_URL)
  : postgresUsers(pool)
const internal = BANYAN_SERVICE_KEYS
  ? (await import('./internal.ts')).internalRoutes(users, settings, BANYAN_SERVICE_KEYS)
  : null

const server = createApp(pool, users, settings, internal).listen(
  settings.PORT,
  '127.0.0.1',
  (error) => {
    if (error) throw error
    const { port } = server.address() as AddressInfo
    console.log(JSON.stringify({ event: 'listening', port }))
  },
)

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    setTimeout(() => server.closeAllConnections(), SHUTDOWN_MS).unref()
    server.close(() => {
      void Promise.all([users.close(), pool.end()]).then(() => process.exit(0))
    })
    server.closeIdleConnections()
  })
}
