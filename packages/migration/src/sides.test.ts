import { BucketSet } from '@banyan/contracts'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { installSide } from '@banyan/replication'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isAnswer, Side } from './sides.ts'

let server: EmbeddedPostgres
let pool: Pool
let url: string

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  url = await server.createDatabase('side')
  pool = createPool(url, { name: 'test' })
  await installSide(pool)
  await pool.query(`SELECT banyan.register('things', 'source')`)
})
afterAll(async () => {
  await pool.end()
  await server.stop()
})

describe('a flip', () => {
  it('whose answer never comes ends with nobody knowing, and cannot land under a newer token', async () => {
    const side = new Side('source', 'things', url, 1n)
    await side.raise()
    const some = BucketSet.of([1])
    await side.flip(some, 'open', 'closing', { epoch: 2 })
    const { rows } = await pool.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'banyan/1/things/flip'`,
    )
    process.kill(rows[0]!.pid, 'SIGSTOP')
    const error = await side.flip(some, 'closing', 'given').then(
      () => expect.unreachable(),
      (reason: Error) => reason,
    )
    expect(isAnswer(error)).toBe(false)

    const next = new Side('source', 'things', url, 2n)
    const raised = next.raise()
    // Asked to end while it stands still, it does so as soon as it goes on, before it reads the flip.
    process.kill(rows[0]!.pid, 'SIGCONT')
    await raised
    expect((await next.ownership())[1]!.state).toMatch(/closing|given/)
    await expect(side.flip(some, 'closing', 'given')).rejects.toMatchObject({ code: 'BN002' })
    await Promise.all([side.close(), next.close()])
  }, 30_000)
})
