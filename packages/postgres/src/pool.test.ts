import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { EmbeddedPostgres } from './embedded.ts'
import { createPool } from './pool.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server?.stop())

it.each([
  [undefined, 10_000],
  [60_000, 60_000],
])('with idleMs %s keeps a connection for %s ms after its last use', async (idleMs, keptMs) => {
  const pool = createPool(server.url(), { name: 'test', ...(idleMs ? { idleMs } : {}) })
  onTestFinished(async () => {
    vi.useRealTimers()
    await pool.end()
  })
  await pool.query('SELECT 1')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await pool.query('SELECT 1')
  vi.advanceTimersByTime(keptMs - 1)
  expect(pool.totalCount).toBe(1)
  vi.advanceTimersByTime(1)
  expect(pool.totalCount).toBe(0)
})
