import { EmbeddedPostgres, migrate, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { controlPool, Lease } from './lease.ts'

let server: EmbeddedPostgres
let pool: Pool

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  pool = controlPool(server.url(), 'one')
  await migrate(pool, 'banyan_control', new URL('../sql', import.meta.url).pathname)
})
afterAll(async () => {
  await pool.end()
  await server.stop()
})

describe('the lease', () => {
  it('can be taken over from an engine that stands still in the middle of a ledger entry', async () => {
    await new Lease(pool, 'one').tryAcquire()
    const paused = await pool.connect()
    const ended = new Promise((resolve) => paused.once('end', resolve))
    await paused.query('BEGIN')
    await paused.query('SELECT token FROM banyan_control.lease FOR UPDATE')
    // The other engine's pool, or the wait for its own connection would say nothing.
    const other = controlPool(server.url(), 'two')
    const taking = new Lease(other, 'two')
    let token: bigint | null = null
    while (token === null) token = await taking.tryAcquire()
    expect(token).toBe(2n)
    await ended
    paused.release(true)
    await other.end()
  })
})
