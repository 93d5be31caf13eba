import { bucketOf } from '@banyan/contracts'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { installSide, raiseToken } from './index.ts'

let server: EmbeddedPostgres
let pool: Pool
let database = 0

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

beforeEach(async () => {
  const url = await server.createDatabase(`guard_${++database}`)
  pool = createPool(url, { name: 'application' })
  await pool.query('CREATE TABLE public.item (id int PRIMARY KEY, "User" text, note text)')
  await installSide(pool)
  await pool.query(`SELECT banyan.register('x', 'source')`)
  await pool.query(`SELECT banyan.guard('x', 'public.item', 'User')`)
  await raiseToken(pool, 'x', 5n)
  return () => pool.end()
})

/** As an engine does it: one autocommit statement that gives up before PostgreSQL looks for deadlocks. */
async function flip(
  owner: string,
  from: string,
  to: string,
  options: { epoch?: number; token?: number; barrier?: string; timeoutMs?: number } = {},
) {
  const client = await pool.connect()
  try {
    await client.query(`SET statement_timeout = ${options.timeoutMs ?? 800}`)
    await client.query('SELECT banyan.flip($1, $2, $3, $4, $5, $6, $7)', [
      options.token ?? 5,
      'x',
      [bucketOf(owner)],
      [from],
      to,
      options.epoch ?? null,
      options.barrier ?? null,
    ])
  } finally {
    await client.query('RESET statement_timeout')
    client.release()
  }
}

const insert = (id: number, user: string | null) =>
  pool.query('INSERT INTO public.item VALUES ($1, $2)', [id, user])

describe('the bucket of an owner key', () => {
  it('is the same in SQL and in TypeScript', async () => {
    const keys = [
      '',
      'a',
      'user-1',
      '0b8e6f2a-4d1c-4f7a-9f1e-2f4c6b8d0e1f',
      'Ünïcödé',
      '💎',
      ' x ',
      '42',
    ]
    const { rows } = await pool.query<{ k: string; b: number }>(
      'SELECT k, banyan.bucket(k) AS b FROM unnest($1::text[]) k',
      [keys],
    )
    expect(rows.map((row) => [row.k, row.b])).toEqual(keys.map((key) => [key, bucketOf(key)]))
    const { rows: none } = await pool.query('SELECT banyan.bucket(NULL) AS b')
    expect(none).toEqual([{ b: bucketOf(null) }])
  })
})

describe('the guard', () => {
  it('lets writes through while the bucket is open', async () => {
    await insert(1, 'ann')
    await pool.query(`UPDATE public.item SET note = 'x' WHERE id = 1`)
    await pool.query('DELETE FROM public.item')
  })

  it.each(['closing', 'closed'])(
    'refuses every kind of write once the bucket is %s',
    async (state) => {
      await insert(1, 'ann')
      await insert(2, 'bob')
      await flip('ann', 'open', 'closing', { epoch: 2 })
      if (state === 'closed') {
        await flip('ann', 'closing', 'given')
        await flip('ann', 'given', 'closed')
      }
      const refused = { code: 'BN001' }
      await expect(insert(3, 'ann')).rejects.toMatchObject(refused)
      await expect(
        pool.query(`UPDATE public.item SET note = 'x' WHERE id = 1`),
      ).rejects.toMatchObject(refused)
      await expect(pool.query('DELETE FROM public.item WHERE id = 1')).rejects.toMatchObject(
        refused,
      )
      // Stealing a row into an open bucket is a write to the closed one, too.
      await expect(
        pool.query(`UPDATE public.item SET "User" = 'bob' WHERE id = 1`),
      ).rejects.toMatchObject(refused)
      await expect(
        pool.query(`UPDATE public.item SET "User" = 'ann' WHERE id = 2`),
      ).rejects.toMatchObject(refused)
      await pool.query(`UPDATE public.item SET note = 'x' WHERE id = 2`)
      const { rows } = await pool.query(`SELECT banyan.refusals('x')::int AS n`)
      expect(rows).toEqual([{ n: 5 }])
    },
  )

  it('names the extraction, the owner and since when', async () => {
    await flip('ann', 'open', 'closing', { epoch: 2 })
    await flip('ann', 'closing', 'given')
    await expect(insert(1, 'ann')).rejects.toThrow(
      /^public\.item: bucket \d+ of extraction "x" is owned by the service since \d{4}-\d\d-\d\dT[\d:.]+Z; this write was refused$/,
    )
  })

  it('refuses TRUNCATE', async () => {
    await expect(pool.query('TRUNCATE public.item')).rejects.toMatchObject({ code: 'BN001' })
  })

  it('is not silenced by session_replication_role, nor by guessing the exemption', async () => {
    await flip('ann', 'open', 'closing', { epoch: 2 })
    const client = await pool.connect()
    await client.query(`SET session_replication_role = replica`)
    await client.query(`SET banyan.exempt = 'guess'`)
    await expect(client.query(`INSERT INTO public.item VALUES (1, 'ann')`)).rejects.toMatchObject({
      code: 'BN001',
    })
    client.release(true)
  })

  it('makes a flip wait for a writer in flight, and the writer behind it see the flip', async () => {
    const writer = await pool.connect()
    await writer.query('BEGIN')
    await writer.query(`INSERT INTO public.item VALUES (1, 'ann')`)
    await expect(flip('ann', 'open', 'closing', { epoch: 2, timeoutMs: 50 })).rejects.toMatchObject(
      {
        code: '57014',
      },
    )
    const flipping = flip('ann', 'open', 'closing', { epoch: 2, timeoutMs: 20_000 })
    await waitsForAdvisoryLock()
    const late = insert(2, 'ann')
    const outcome = expect(late).rejects.toMatchObject({ code: 'BN001' })
    await writer.query('COMMIT')
    writer.release()
    await flipping
    await outcome
    expect((await pool.query('SELECT id FROM public.item')).rows).toEqual([{ id: 1 }])
  })

  it('refuses a transaction that began before the bucket came back', async () => {
    const writer = await pool.connect()
    await writer.query('BEGIN')
    await writer.query('SELECT count(*) FROM public.item')
    await flip('ann', 'open', 'closing', { epoch: 2 })
    await flip('ann', 'closing', 'open', { epoch: 3 })
    await expect(writer.query(`INSERT INTO public.item VALUES (1, 'ann')`)).rejects.toMatchObject({
      code: '40001',
    })
    await writer.query('ROLLBACK')
    writer.release()
    await insert(1, 'ann')
  })

  it.each(['REPEATABLE READ', 'SERIALIZABLE'])(
    'cannot be outwitted by an old snapshot (%s)',
    async (level) => {
      const writer = await pool.connect()
      await writer.query(`BEGIN ISOLATION LEVEL ${level}`)
      await writer.query('SELECT count(*) FROM public.item')
      await flip('ann', 'open', 'closing', { epoch: 2 })
      await expect(writer.query(`INSERT INTO public.item VALUES (1, 'ann')`)).rejects.toMatchObject(
        {
          code: '40001',
        },
      )
      await writer.query('ROLLBACK')
      writer.release()
    },
  )

  it('takes its lock again after a savepoint that held it was rolled back', async () => {
    const writer = await pool.connect()
    await writer.query('BEGIN')
    await writer.query('SAVEPOINT s')
    await writer.query(`INSERT INTO public.item VALUES (1, 'ann')`)
    await writer.query('ROLLBACK TO s')
    await flip('ann', 'open', 'closing', { epoch: 2 })
    await expect(writer.query(`INSERT INTO public.item VALUES (2, 'ann')`)).rejects.toMatchObject({
      code: 'BN001',
    })
    await writer.query('ROLLBACK')
    writer.release()
  })

  it('guards rows without an owner in the bucket of the empty key', async () => {
    await flip('', 'open', 'closing', { epoch: 2 })
    await expect(insert(1, null)).rejects.toMatchObject({ code: 'BN001' })
  })

  it('guards the partitions of a partitioned table', async () => {
    await pool.query(
      `CREATE TABLE public.log (id int, owner text, PRIMARY KEY (id)) PARTITION BY RANGE (id)`,
    )
    await pool.query(
      'CREATE TABLE public.log_1 PARTITION OF public.log FOR VALUES FROM (0) TO (10)',
    )
    await pool.query(`SELECT banyan.guard('x', 'public.log', 'owner')`)
    await flip('ann', 'open', 'closing', { epoch: 2 })
    await expect(pool.query(`INSERT INTO public.log_1 VALUES (1, 'ann')`)).rejects.toMatchObject({
      code: 'BN001',
    })
  })
})

describe('a flip', () => {
  it('is refused under another token', async () => {
    await expect(flip('ann', 'open', 'closing', { epoch: 2, token: 4 })).rejects.toMatchObject({
      code: 'BN002',
    })
    await expect(flip('ann', 'open', 'closing', { epoch: 2, token: 6 })).rejects.toMatchObject({
      code: 'BN002',
    })
  })

  it('changes nothing when a bucket is in another state, or its epoch is not below', async () => {
    await expect(flip('ann', 'closed', 'open', { epoch: 2 })).rejects.toMatchObject({
      code: 'BN003',
    })
    await expect(flip('ann', 'open', 'closing', { epoch: 1 })).rejects.toMatchObject({
      code: 'BN003',
    })
    await insert(1, 'ann')
  })

  it('puts its barrier into the log behind the writes it waited for', async () => {
    const client = new pg.Client({ connectionString: server.url(`guard_${database}`) })
    await client.connect()
    await client.query(`SELECT pg_create_logical_replication_slot('probe', 'test_decoding')`)
    await insert(1, 'ann')
    await flip('ann', 'open', 'closing', { epoch: 2, barrier: 'attempt-1' })
    const { rows } = await client.query<{ data: string }>(
      `SELECT data FROM pg_logical_slot_get_changes('probe', NULL, NULL)`,
    )
    const lines = rows.map((row) => row.data)
    const written = lines.findIndex((line) => line.includes('public.item: INSERT'))
    const barrier = lines.findIndex((line) => line.includes('attempt-1'))
    expect(written).toBeGreaterThan(-1)
    expect(barrier).toBeGreaterThan(written)
    await client.query(`SELECT pg_drop_replication_slot('probe')`)
    await client.end()
  })
})

describe('raising the token', () => {
  it('ends sessions of the extraction with a lower token, and only those', async () => {
    const [old, beside] = ['banyan/5/x/apply', 'banyan/5/y/apply'].map(
      (application_name) =>
        new pg.Client({ connectionString: server.url(`guard_${database}`), application_name }),
    ) as [pg.Client, pg.Client]
    old.on('error', () => {})
    await Promise.all([old.connect(), beside.connect()])
    expect(await raiseToken(pool, 'x', 6n)).toBe(true)
    await expect(old.query('SELECT 1')).rejects.toThrow()
    expect(await raiseToken(pool, 'x', 6n)).toBe(false)
    await pool.query('SELECT 1')
    await beside.query('SELECT 1')
    await beside.end()
  })
})

async function waitsForAdvisoryLock(): Promise<void> {
  for (;;) {
    const { rowCount } = await pool.query(
      `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`,
    )
    if (rowCount! > 0) return
  }
}
