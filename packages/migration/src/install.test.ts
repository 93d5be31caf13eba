import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { installSide, leftovers } from '@banyan/replication'
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
