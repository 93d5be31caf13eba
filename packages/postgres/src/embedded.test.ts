import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool, EmbeddedPostgres, transaction } from './index.ts'

describe('an embedded PostgreSQL', () => {
  let server: EmbeddedPostgres
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
  })
  afterAll(() => server.stop())

  it('is ready for logical replication', async () => {
    const pool = createPool(server.url(), { name: 'test' })
    const { rows } = await pool.query('SHOW wal_level')
    expect(rows).toEqual([{ wal_level: 'logical' }])
    await pool.end()
  })

  it('keeps what was committed through a crash, and the pool recovers', async () => {
    const pool = createPool(server.url(), { name: 'test' })
    await pool.query('CREATE TABLE public.kept (id int)')
    await transaction(pool, (client) => client.query('INSERT INTO public.kept VALUES (1)'))
    await server.kill()
    await expect(pool.query('SELECT 1')).rejects.toThrow()
    await server.start()
    const { rows } = await pool.query('SELECT id FROM public.kept')
    expect(rows).toEqual([{ id: 1 }])
    await pool.end()
  })

  it('stands still while it is paused, and goes on with what it was asked', async () => {
    const pool = createPool(server.url(), { name: 'test', max: 1 })
    const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    // "T" is stopped, in the third field of Linux's /proc; the name before it may hold anything.
    const isStopped = async () => {
      const stat = await readFile(`/proc/${rows[0]!.pid}/stat`, 'utf8')
      return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
    }
    try {
      await server.pause()
      while (!(await isStopped()));
    } finally {
      await server.resume()
    }
    while (await isStopped());
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await pool.end()
  })

  it('takes a backend that is busy with a statement along when it is killed', async () => {
    const pool = createPool(server.url(), { name: 'test', max: 2 })
    await pool.query('CREATE TABLE public.busy (n bigint)')
    const client = await pool.connect()
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const busy = client.query(
      'INSERT INTO public.busy SELECT count(*) FROM generate_series(1, 1e10)',
    )
    const cut = expect(busy).rejects.toThrow()
    for (let state = ''; state !== 'active'; ) {
      const look = 'SELECT state FROM pg_stat_activity WHERE pid = $1'
      state = (await pool.query(look, [rows[0]!.pid])).rows[0].state
    }
    await server.kill()
    await cut
    client.release(true)
    await server.start()
    expect((await pool.query('SELECT n FROM public.busy')).rows).toEqual([])
    await pool.end()
  })

  it('can die between two statements of a transaction without ending the process', async () => {
    const pool = createPool(server.url(), { name: 'test' })
    const cut = transaction(pool, async (client) => {
      await client.query('SELECT 1')
      const ended = new Promise((resolve) => client.once('end', resolve))
      await server.kill()
      await ended
      await client.query('SELECT 1')
    })
    await expect(cut).rejects.toThrow()
    await server.start()
    expect((await pool.query('SELECT 1')).rowCount).toBe(1)
    await pool.end()
  })

  it('rolls back a transaction whose work throws', async () => {
    const pool = createPool(server.url(), { name: 'test' })
    await pool.query('CREATE TABLE public.undone (id int)')
    const failing = transaction(pool, async (client) => {
      await client.query('INSERT INTO public.undone VALUES (1)')
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect((await pool.query('SELECT id FROM public.undone')).rowCount).toBe(0)
    await pool.end()
  })

  it('deletes a temporary folder when it stops', async () => {
    const other = await EmbeddedPostgres.start()
    await other.stop()
    await expect(readdir(join(other.dataDir, '..', other.dataDir))).rejects.toThrow('ENOENT')
  })
})
