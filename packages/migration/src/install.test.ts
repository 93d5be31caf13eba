import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { installSide, leftovers, sessionName, takeSide } from '@banyan/replication'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { installExtraction, uninstallExtraction } from './install.ts'

let server: EmbeddedPostgres
let pool: Pool

beforeAll(async () => {
  server = await EmbeddedPostgres.start({ settings: { autovacuum: 'off' } })
  pool = createPool(server.url(), { name: 'test' })
})
afterAll(async () => {
  await pool.end()
  await server.stop()
})

it('takes the schema away, and the staging tables that a crashed session left', async () => {
  await installSide(pool)
  await installExtraction(pool, 'source', 'posts', [])
  const session = await pool.connect()
  await session.query('CREATE TEMPORARY TABLE banyan_stage_3 (id int)')
  const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  // This very backend, since one that sees its server die still drops its tables; the server then
  // starts itself anew.
  const ended = new Promise((resolve) => session.once('end', resolve))
  process.kill(rows[0]!.pid, 'SIGKILL')
  await ended
  session.release(true)
  const answers = () => pool.query('SELECT 1').then(Boolean, () => false)
  while (!(await answers()));
  const relations = `SELECT relname FROM pg_class WHERE relname ~ 'banyan'`
  expect((await pool.query(relations)).rows).toEqual([{ relname: 'banyan_stage_3' }])
  await uninstallExtraction(pool, 'posts')
  expect((await pool.query(relations)).rows).toEqual([])
  expect(await leftovers(pool)).toEqual([])
})

it('takes the schema away when two extractions end at once', async () => {
  for (let round = 0; round < 10; round++) {
    for (const [name, token] of [
      ['posts', 1n],
      ['likes', 2n],
    ] as const) {
      await takeSide(pool, name, token)
      await installExtraction(pool, 'source', name, [])
    }
    await Promise.all(['posts', 'likes'].map((name) => uninstallExtraction(pool, name)))
    expect(await leftovers(pool)).toEqual([])
  }
})

it('leaves the schema to an extraction that begins while the last one ends', async () => {
  for (let round = 0; round < 10; round++) {
    await takeSide(pool, 'posts', 1n)
    await installExtraction(pool, 'source', 'posts', [])
    await Promise.all([
      uninstallExtraction(pool, 'posts'),
      takeSide(pool, 'likes', 2n).then(() => installExtraction(pool, 'source', 'likes', [])),
    ])
    const { rows } = await pool.query('SELECT extraction FROM banyan.extraction')
    expect(rows).toEqual([{ extraction: 'likes' }])
    await uninstallExtraction(pool, 'likes')
  }
})

it('takes a side over from an engine that stands still while it takes the schema away', async () => {
  await takeSide(pool, 'posts', 1n)
  const old = createPool(server.url(), { name: sessionName('posts', 1n, 'engine'), max: 1 })
  const session = await old.connect()
  await session.query('BEGIN; DROP SCHEMA banyan CASCADE')
  expect(await takeSide(pool, 'posts', 2n)).toBe(true)
  session.release(true)
  await old.end()
  await uninstallExtraction(pool, 'posts')
})
