import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contents, createPair, PATIENCE_MS } from './testing/pair.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

/** Too long for the row itself and stored as it is, so that PostgreSQL puts it out of line. */
const WIDE = `
  CREATE TABLE public.wide (id int PRIMARY KEY, owner text, n int, body text, extra jsonb);
  ALTER TABLE public.wide ALTER body SET STORAGE EXTERNAL, ALTER extra SET STORAGE EXTERNAL;`
const wide = { source: 'public.wide', target: 'public.wide', owner: 'owner' }
const HASHED =
  "t.id || ' ' || t.n || ' ' || md5(t.body) || ' ' || coalesce(md5(t.extra::text), '-')"

describe('row images', () => {
  it.each(['DEFAULT', 'FULL'])(
    'keep a large value that an update left alone, identity %s',
    async (identity) => {
      const pair = await createPair(server, {
        source: `${WIDE} ALTER TABLE public.wide REPLICA IDENTITY ${identity}`,
        tables: [wide],
      })
      await pair.source.query(
        `INSERT INTO public.wide SELECT n, 'u', 0, repeat('body ' || n, 2000), jsonb_build_object('k', repeat('x' || n, 3000)) FROM generate_series(1, 50) n`,
      )
      const link = pair.link('forward')
      await link.prepare()
      link.start()
      await link.copy()
      await pair.source.query('UPDATE public.wide SET n = n + 1')
      await pair.source.query('UPDATE public.wide SET id = id + 1000, n = 7 WHERE id <= 10')
      await pair.source.query("UPDATE public.wide SET body = 'short' WHERE id BETWEEN 11 AND 15")
      await pair.source.query(
        `BEGIN; UPDATE public.wide SET n = 1 WHERE id = 20; UPDATE public.wide SET extra = NULL WHERE id = 20;
       UPDATE public.wide SET id = 2020 WHERE id = 20; UPDATE public.wide SET n = 3 WHERE id = 2020; COMMIT`,
      )
      await link.probe(PATIENCE_MS)
      expect(await contents(pair.target, 'public.wide', HASHED)).toEqual(
        await contents(pair.source, 'public.wide', HASHED),
      )
      expect(pair.problems).toEqual([])
      await pair.close()
    },
  )

  it('survive two rows that exchange a unique value, with values an update left alone', async () => {
    const pair = await createPair(server, {
      source: `CREATE TABLE public.seat (id int PRIMARY KEY, owner text, place int UNIQUE, body text);
        ALTER TABLE public.seat ALTER body SET STORAGE EXTERNAL`,
      target: `CREATE TABLE public.seat (id int PRIMARY KEY, owner text, place int UNIQUE, body text, kept text DEFAULT 'new')`,
      tables: [{ source: 'public.seat', target: 'public.seat', owner: 'owner' }],
    })
    await pair.source.query(
      "INSERT INTO public.seat SELECT n, 'u', n, repeat('wide ' || n, 3000) FROM generate_series(1, 6) n",
    )
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await link.copy()
    await pair.target.query("UPDATE public.seat SET kept = 'old'")
    await pair.source.query(
      `BEGIN; UPDATE public.seat SET place = -1 WHERE id = 1; UPDATE public.seat SET place = 1 WHERE id = 2;
       UPDATE public.seat SET place = 2 WHERE id = 1; COMMIT`,
    )
    await pair.source.query(
      `BEGIN; UPDATE public.seat SET id = 100 WHERE id = 3; UPDATE public.seat SET id = 3 WHERE id = 4;
       UPDATE public.seat SET id = 4 WHERE id = 100; DELETE FROM public.seat WHERE id = 5;
       INSERT INTO public.seat VALUES (7, 'u', 5, 'in its place'); COMMIT`,
    )
    await link.probe(PATIENCE_MS)
    const columns = "t.id || ' ' || t.place || ' ' || md5(t.body)"
    expect(await contents(pair.target, 'public.seat', columns)).toEqual(
      await contents(pair.source, 'public.seat', columns),
    )
    // A column that nothing fills stays what it was, also for rows that had to be taken out and put in.
    const kept = await contents(pair.target, 'public.seat', "t.id || ' ' || t.kept")
    expect(kept).toEqual(['1 old', '2 old', '3 old', '4 old', '6 old', '7 new'])
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('carry every kind of value unharmed', async () => {
    const types = `
      CREATE TYPE public.mood AS ENUM ('glad', 'so, so', 'O''Neil "x"');
      CREATE DOMAIN public.positive AS numeric CHECK (VALUE > 0);
      CREATE TYPE public.pair AS (a int, b text);
      CREATE TABLE public.kinds (
        id int8 PRIMARY KEY, owner uuid, big int8, num numeric, exact numeric(12,4), f8 float8, f4 float4,
        ts timestamp, tz timestamptz, d date, span interval, j json, jb jsonb, bin bytea, mood public.mood,
        words text[], grid int[], r int4range, mr int4multirange, p public.pair, pos public.positive,
        flag bool, fixed char(5), short varchar(9), bits bit(5), vb varbit, ip inet, path ltree_text, t time,
        moods public.mood[])`.replace('path ltree_text', 'point point')
    const pair = await createPair(server, {
      source: types,
      tables: [{ source: 'public.kinds', target: 'public.kinds', owner: 'owner' }],
    })
    const values = `
      (9223372036854775807, gen_random_uuid(), -9223372036854775808, 'NaN', 12345678.9000, '-0', 'Infinity',
       'infinity', '0044-03-15 12:00:00.123456+01 BC', '5874897-12-31', '1 mon -2 days 03:04:05.000001',
       '{"a": 1,   "a": 2.50}', '{"b": [1.00, null]}', '\\x00ff5c0a', 'so, so',
       '{"a\\"b",NULL,"",{x}}'::text[] , '[2:3]={7,8}', '[1,)', '{[1,3),[7,9)}', ROW(NULL, 'q"\\,'), 1e-10,
       true, 'ab', 'tab' || chr(9) || '\\', B'10101', B'0', '10.0.0.1/8', '(1.5,-0)', '24:00:00',
       '{glad,"so, so"}')`.replace(
      `'{"a\\"b",NULL,"",{x}}'::text[]`,
      `ARRAY['a"b', NULL, '', '{x}', '\\', 'NULL', ' ']`,
    )
    await pair.source.query(`INSERT INTO public.kinds VALUES ${values}`)
    const nulls = 'INSERT INTO public.kinds (id, num) VALUES'
    await pair.source.query(`${nulls} (1, 1.0), (2, 1.00), (-3, 123456789012345678901234567890.5)`)
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await link.copy()
    expect(await contents(pair.target, 'public.kinds')).toEqual(
      await contents(pair.source, 'public.kinds'),
    )
    await pair.source.query('UPDATE public.kinds SET id = id - 1')
    await pair.source.query(`INSERT INTO public.kinds VALUES ${values}`)
    await pair.source.query('UPDATE public.kinds SET big = 5 WHERE id = 1')
    await link.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.kinds')).toEqual(
      await contents(pair.source, 'public.kinds'),
    )
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('find rows by quoted and composite keys, and leave generated and identity columns right', async () => {
    const schema = `
      CREATE SCHEMA "Odd ""Schema";
      CREATE TABLE "Odd ""Schema"."Join Table" (
        "Left Id" int, "right" text, "userId" text NOT NULL, n int, twice int GENERATED ALWAYS AS (n * 2) STORED,
        seq int GENERATED ALWAYS AS IDENTITY, PRIMARY KEY ("Left Id", "right"))`
    const spec = {
      source: '"Odd ""Schema"."Join Table"',
      target: '"Odd ""Schema"."Join Table"',
      owner: 'userId',
    }
    const pair = await createPair(server, { source: schema, tables: [spec] })
    const insert = `INSERT INTO "Odd ""Schema"."Join Table" ("Left Id", "right", "userId", n)`
    await pair.source.query(
      `${insert} SELECT n % 10, 'r' || n, 'u', n FROM generate_series(1, 100) n`,
    )
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await link.copy({ chunkRows: 7 })
    await pair.source.query(`UPDATE "Odd ""Schema"."Join Table" SET n = n + 1 WHERE "Left Id" = 3`)
    await pair.source.query(
      `UPDATE "Odd ""Schema"."Join Table" SET "right" = 'moved' || "right" WHERE "Left Id" = 4`,
    )
    await pair.source.query(`DELETE FROM "Odd ""Schema"."Join Table" WHERE "Left Id" = 5`)
    await pair.source.query(`${insert} VALUES (0, 'a\\b"c', 'v', NULL)`)
    await link.probe(PATIENCE_MS)
    const table = '"Odd ""Schema"."Join Table"'
    expect(await contents(pair.target, table)).toEqual(await contents(pair.source, table))
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('pass through a mapping forward and back', async () => {
    const pair = await createPair(server, {
      source: `CREATE TABLE public.person (id int PRIMARY KEY, first text, last text, born timestamp, rating text, junk text)`,
      target: `CREATE TABLE public.people (uid int8 PRIMARY KEY, full_name text, first text, last text, birth timestamptz, stars int, note text DEFAULT 'n')`,
      tables: [],
    })
    await pair.source.query('ALTER TABLE public.person REPLICA IDENTITY FULL')
    const { resolveTables } = await import('./index.ts')
    pair.tables = await resolveTables(pair.source, pair.target, [
      {
        source: 'public.person',
        target: 'public.people',
        owner: 'id',
        forward: {
          uid: 'id',
          full_name: { from: ['first', 'last'], sql: `first || ' ' || last` },
          first: 'first',
          last: 'last',
          birth: 'born',
          stars: { from: ['rating'], sql: 'length(rating)' },
        },
        backward: { rating: { from: ['stars'], sql: `repeat('*', stars)` } },
      },
    ])
    expect(pair.tables[0]!.oneWay).toEqual(['public.person.junk is not written back'])
    await pair.source.query(
      `INSERT INTO public.person SELECT n, 'f' || n, 'l' || n, '2000-01-01', repeat('*', n % 5) FROM generate_series(1, 20) n`,
    )
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await link.copy({ chunkRows: 6 })
    await pair.source.query(`UPDATE public.person SET last = 'X', rating = '***' WHERE id < 5`)
    await link.probe(PATIENCE_MS)
    const forward = `uid || full_name || birth || stars || note`
    expect(await contents(pair.target, 'public.people', forward)).toEqual(
      await contents(
        pair.source,
        'public.person',
        `id || (first || ' ' || last) || (born::timestamptz) || length(rating) || 'n'`,
      ),
    )
    expect(pair.problems).toEqual([])
    await pair.close()
  })
})
