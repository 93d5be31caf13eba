import { rm } from 'node:fs/promises'
import { bucketOf } from '@banyan/contracts'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { installSide, raiseToken } from './index.ts'
import { flipper } from './testing/flipper.ts'

let server: EmbeddedPostgres
let pool: Pool
let flip: ReturnType<typeof flipper>
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
  flip = flipper(pool, 'x', 5)
  return () => pool.end()
})

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
})

/** It came with PostgreSQL 15. */
const MERGES: [string, string][] =
  Number(process.env.BANYAN_POSTGRES ?? 18) < 15
    ? []
    : [
        [
          'MERGE',
          `MERGE INTO public.item i USING (SELECT 1000 AS id) s ON i.id = s.id WHEN MATCHED THEN DELETE`,
        ],
      ]

describe('a statement of many rows', () => {
  beforeEach(async () => {
    await pool.query(
      `INSERT INTO public.item SELECT n, 'user-' || n % 50 FROM generate_series(1, 500) n`,
    )
    await insert(1000, 'ann')
    await flip('ann', 'open', 'closing', { epoch: 2 })
  })

  it.each([
    ['INSERT', `INSERT INTO public.item SELECT 2000 + n, 'bob' FROM generate_series(1, 9) n`],
    ['UPDATE', `UPDATE public.item SET note = 'x' WHERE id <= 500`],
    ['DELETE', `DELETE FROM public.item WHERE id <= 500`],
  ])('passes where every owner is open (%s)', async (_, sql) => {
    expect((await pool.query(sql)).rowCount).toBeGreaterThan(8)
  })

  it.each([
    [
      'INSERT',
      `INSERT INTO public.item SELECT 2000 + n, 'user-' || n FROM generate_series(1, 50) n
        UNION ALL VALUES (3000, 'ann')`,
    ],
    ['UPDATE', `UPDATE public.item SET note = 'x'`],
    ['DELETE', 'DELETE FROM public.item'],
    [
      'ON CONFLICT DO UPDATE',
      `INSERT INTO public.item VALUES (1000, 'bob') ON CONFLICT (id) DO UPDATE SET note = 'x'`,
    ],
    ...MERGES,
    [
      'a writable CTE',
      `WITH moved AS (DELETE FROM public.item WHERE id = 1000 RETURNING *)
         INSERT INTO public.item SELECT id, 'bob' FROM moved`,
    ],
    [
      'a function that handles the error of another statement',
      `DO $$ BEGIN
         BEGIN INSERT INTO public.item VALUES (1000, 'bob'); EXCEPTION WHEN unique_violation THEN NULL; END;
         UPDATE public.item SET note = 'x' WHERE id = 1000; END $$`,
    ],
  ])('is refused as a whole for one row that is not (%s)', async (_, sql) => {
    const before = await rowsOf('public.item')
    await expect(pool.query(sql)).rejects.toMatchObject({ code: 'BN001' })
    expect(await rowsOf('public.item')).toEqual(before)
  })

  it('is refused when it is a COPY', async () => {
    await pool.query(`CREATE TABLE public.source AS SELECT 4000 AS id, 'ann' AS "User"`)
    const file = `/tmp/banyan-guard-${process.pid}-${database}`
    await pool.query(`COPY public.source TO '${file}'`)
    const copy = pool.query(`COPY public.item (id, "User") FROM '${file}'`)
    await expect(copy).rejects.toMatchObject({ code: 'BN001' })
    await rm(file, { force: true })
  })

  it('takes its locks in one order, each stripe once', async () => {
    const writer = await pool.connect()
    await writer.query('BEGIN')
    await writer.query(`UPDATE public.item SET note = 'x' WHERE id <= 500`)
    const { rows } = await pool.query<{ n: number }>(
      `SELECT count(DISTINCT objid)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted`,
    )
    const stripes = new Set(Array.from({ length: 50 }, (_, i) => bucketOf(`user-${i}`) % 16))
    expect(rows).toEqual([{ n: stripes.size }])
    await writer.query('ROLLBACK')
    writer.release()
  })
})

describe('what else writes a guarded table', () => {
  beforeEach(async () => {
    await pool.query(`
      CREATE TABLE public.part (id int PRIMARY KEY, item int REFERENCES public.item ON DELETE CASCADE ON UPDATE CASCADE, owner text);
      CREATE TABLE public.loose (id int PRIMARY KEY, item int REFERENCES public.item ON DELETE SET NULL, owner text)`)
    await pool.query(`SELECT banyan.guard('x', 'public.part', 'owner')`)
    await pool.query(`SELECT banyan.guard('x', 'public.loose', 'owner')`)
    await pool.query(`INSERT INTO public.item VALUES (1, 'bob'), (2, 'bob'), (3, 'bob')`)
  })

  it.each([
    ['a cascading delete', 'part', 'DELETE FROM public.item'],
    ['a cascading key update', 'part', 'UPDATE public.item SET id = id + 10'],
    ['ON DELETE SET NULL', 'loose', 'DELETE FROM public.item'],
  ])('%s is refused with its cause where the child is not open', async (_, child, sql) => {
    await pool.query(`INSERT INTO public.${child} VALUES (1, 1, 'bob'), (2, 3, 'ann')`)
    await flip('ann', 'open', 'closing', { epoch: 2 })
    await expect(pool.query(sql)).rejects.toMatchObject({ code: 'BN001' })
    expect(await rowsOf('public.item')).toHaveLength(3)
  })

  it('an AFTER trigger of the application, whose own write is refused with its cause', async () => {
    await pool.query(`
      CREATE FUNCTION public.also() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO public.part VALUES (NEW.id, NEW.id, 'ann'); RETURN NULL; END $$;
      CREATE TRIGGER also AFTER INSERT ON public.item FOR EACH ROW EXECUTE FUNCTION public.also()`)
    await insert(4, 'bob')
    await flip('ann', 'open', 'closing', { epoch: 2 })
    await expect(insert(5, 'bob')).rejects.toMatchObject({ code: 'BN001' })
    // And what it wrote elsewhere is undone when the row itself is refused.
    await pool.query('CREATE TABLE public.audit (id int)')
    await pool.query(`CREATE OR REPLACE FUNCTION public.also() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO public.audit VALUES (NEW.id); RETURN NULL; END $$`)
    await expect(insert(6, 'ann')).rejects.toMatchObject({ code: 'BN001' })
    expect(await rowsOf('public.audit')).toEqual([])
  })

  it('an owner that a BEFORE trigger of the application sets counts as set', async () => {
    await pool.query(`
      CREATE FUNCTION public.fill() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW."User" := 'ann'; RETURN NEW; END $$;
      CREATE TRIGGER "~~last" BEFORE INSERT ON public.item FOR EACH ROW EXECUTE FUNCTION public.fill()`)
    await flip('ann', 'open', 'closing', { epoch: 2 })
    await expect(insert(7, 'bob')).rejects.toMatchObject({ code: 'BN001' })
  })
})

describe('a partitioned table', () => {
  beforeEach(async () => {
    await pool.query(`
      CREATE TABLE public.log (id int, owner text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
      CREATE TABLE public.log_1 PARTITION OF public.log FOR VALUES FROM (0) TO (10);
      CREATE TABLE public.log_2 PARTITION OF public.log FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
      CREATE TABLE public.log_2a PARTITION OF public.log_2 FOR VALUES FROM (10) TO (15);
      CREATE TABLE public.log_rest PARTITION OF public.log DEFAULT`)
    await pool.query(`SELECT banyan.guard('x', 'public.log', 'owner')`)
    await pool.query(
      `INSERT INTO public.log VALUES (1, 'ann'), (11, 'ann'), (90, 'ann'), (2, 'bob')`,
    )
    await flip('ann', 'open', 'closing', { epoch: 2 })
    await pool.query(
      `CREATE TABLE public.log_3 PARTITION OF public.log FOR VALUES FROM (30) TO (40)`,
    )
    await pool.query(`CREATE TABLE public.log_4 (id int NOT NULL, owner text)`)
    await pool.query(
      `ALTER TABLE public.log ATTACH PARTITION public.log_4 FOR VALUES FROM (40) TO (50)`,
    )
  })

  it.each([
    [`INSERT INTO public.log VALUES (3, 'ann')`],
    [`INSERT INTO public.log_1 VALUES (3, 'ann')`],
    [`INSERT INTO public.log_2 VALUES (12, 'ann')`],
    [`INSERT INTO public.log_2a VALUES (12, 'ann')`],
    [`INSERT INTO public.log_rest VALUES (91, 'ann')`],
    [`INSERT INTO public.log_3 VALUES (30, 'ann')`],
    [`INSERT INTO public.log_4 VALUES (40, 'ann')`],
    [`UPDATE public.log SET id = 13 WHERE id = 1`],
    [`UPDATE public.log SET id = 13, owner = 'ann' WHERE id = 2`],
    [`UPDATE public.log_2a SET owner = 'bob' WHERE id = 11`],
    [`DELETE FROM public.log_rest WHERE id = 90`],
    ['TRUNCATE public.log'],
    ['TRUNCATE public.log_1'],
    ['TRUNCATE public.log_2a'],
  ])('is guarded as a whole and partition by partition (%s)', async (sql) => {
    await expect(pool.query(sql)).rejects.toMatchObject({ code: 'BN001' })
    await pool.query(`UPDATE public.log SET id = 12 WHERE id = 2`)
  })

  it('lets go of every partition at the end', async () => {
    await pool.query(`SELECT banyan.unregister('x')`)
    const { rows } = await pool.query(
      `SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '~banyan%'`,
    )
    expect(rows).toEqual([])
  })
})

async function rowsOf(table: string): Promise<unknown[]> {
  return (await pool.query(`SELECT * FROM ${table} ORDER BY id`)).rows
}

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
