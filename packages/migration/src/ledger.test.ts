import { createPool, EmbeddedPostgres, migrate, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lease } from './lease.ts'
import { DeposedError, Ledger } from './ledger.ts'
import { Store } from './store.ts'

let server: EmbeddedPostgres
let pool: Pool
let ledger: Ledger
let lease: Lease

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  pool = createPool(server.url(), { name: 'test' })
  await migrate(pool, 'banyan_control', new URL('../sql', import.meta.url).pathname)
  ledger = new Ledger(pool)
  lease = new Lease(pool, 'one')
})
afterAll(async () => {
  await pool.end()
  await server.stop()
})

describe('the ledger', () => {
  it('chains entries, whoever writes them at once', async () => {
    const token = (await lease.tryAcquire())!
    const detail = { z: 1, a: { y: [1, 'ü'], b: null } }
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        ledger.append('x', i % 2 ? token : null, [
          { kind: 'intent', what: `step ${i}`, detail },
          { kind: 'fact', what: `step ${i}` },
        ]),
      ),
    )
    expect(await ledger.verify()).toEqual({ entries: 40, verified: true })
    const after = await ledger.read('x', 38)
    expect(after.map((entry) => entry.seq)).toEqual([39, 40])
  })

  it('refuses a deposed engine', async () => {
    const old = (await lease.tryAcquire())!
    await lease.tryAcquire()
    await expect(ledger.append('x', old, [{ kind: 'fact', what: 'late' }])).rejects.toThrow(
      DeposedError,
    )
  })

  it('cannot be changed, and a change made by force is found', async () => {
    const change = `UPDATE banyan_control.ledger SET what = 'other' WHERE seq = 7`
    await expect(pool.query(change)).rejects.toThrow('append-only')
    await pool.query('ALTER TABLE banyan_control.ledger DISABLE TRIGGER append_only')
    await pool.query(change)
    expect(await ledger.verify()).toEqual({ entries: 6, verified: false })
    await pool.query(`UPDATE banyan_control.ledger SET what = 'step 3' WHERE seq = 7`)
    await pool.query('DELETE FROM banyan_control.ledger WHERE seq = 20')
    expect((await ledger.verify()).verified).toBe(false)
  })
})

describe('the lease', () => {
  it('is one engine’s until it ends, and every holder gets a higher token', async () => {
    const other = new Lease(pool, 'other')
    const mine = (await lease.tryAcquire())!
    expect(await other.tryAcquire()).toBeNull()
    await lease.release(mine)
    const theirs = (await other.tryAcquire())!
    expect(theirs).toBeGreaterThan(mine)
    expect(await lease.tryAcquire()).toBeNull()
    await expect(lease.keep(mine, new AbortController().signal)).rejects.toThrow(DeposedError)
  })
})

describe('the store', () => {
  it('lets one of two changes through, and fences a deposed engine', async () => {
    const store = new Store(pool)
    await store.declare(['things'])
    const row = await store.read('things')
    expect(await store.change(row, null, { goal: 10 }, [])).toBe(true)
    expect(await store.change(row, null, { goal: 50 }, [])).toBe(false)
    const now = await store.read('things')
    expect(now.goal).toBe(10)
    expect(await store.change(now, 1n, { goal: 50 }, [])).toBe(false)
    await expect(store.read('thongs')).rejects.toThrow('known: things')
  })
})
