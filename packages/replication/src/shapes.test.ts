import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verify } from './index.ts'
import { contents, createPair, own, PATIENCE_MS, type Pair, until } from './testing/pair.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

/** Copies, and lets both streams run: the source owns all. */
async function running(pair: Pair) {
  const forward = pair.link('forward')
  const reverse = pair.link('reverse')
  await forward.prepare()
  forward.start()
  await forward.copy()
  await reverse.prepare()
  reverse.start()
  return { forward, reverse }
}

/** Hands every bucket to the target, as a finished handover leaves it. */
async function handOver(pair: Pair): Promise<void> {
  await own(pair.source, 'closed')
  await own(pair.target, 'open')
}

async function expectVerified(pair: Pair, links: Awaited<ReturnType<typeof running>>) {
  const report = await verify({ ...pair, ...links })
  expect(report.divergences).toEqual([])
}

describe('a table without a primary key', () => {
  const TABLE = `CREATE TABLE public.t (code text NOT NULL, lot int NOT NULL, owner text, note text);
    CREATE UNIQUE INDEX t_code ON public.t (lot, code)`
  const spec = { source: 'public.t', target: 'public.t', owner: 'owner' }

  it('goes by its unique index both ways, and has its replica identity back at the end', async () => {
    const pair = await createPair(server, { source: TABLE, tables: [spec] })
    await pair.source.query(
      `INSERT INTO public.t SELECT 'c' || n, n % 7, 'u' || n % 5, 'n' FROM generate_series(1, 200) n`,
    )
    const links = await running(pair)
    await pair.source.query(
      `UPDATE public.t SET note = 'x' WHERE lot = 1; UPDATE public.t SET lot = lot + 100, code = 'm' || code WHERE lot = 2;
       DELETE FROM public.t WHERE lot = 3`,
    )
    await links.forward.probe(PATIENCE_MS)
    await handOver(pair)
    await pair.target.query(
      `UPDATE public.t SET note = 'y' WHERE lot = 4; UPDATE public.t SET lot = lot + 100 WHERE lot = 5;
       DELETE FROM public.t WHERE lot = 6`,
    )
    await links.reverse.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.t')).toEqual(await contents(pair.source, 'public.t'))
    await expectVerified(pair, links)
    expect(pair.problems).toEqual([])
    for (const link of [links.forward, links.reverse]) await link.drop()
    for (const pool of [pair.source, pair.target]) {
      expect(await identityOf(pool)).toBe('i')
      await pool.query(`SELECT banyan.unregister('parcels')`)
      expect(await identityOf(pool)).toBe('d')
    }
    await pair.close()
  })

  async function identityOf(pool: Pair['source']) {
    const { rows } = await pool.query<{ i: string }>(
      `SELECT relreplident AS i FROM pg_class WHERE oid = 'public.t'::regclass`,
    )
    return rows[0]!.i
  }

  it.each([
    [
      'nothing',
      'CREATE TABLE public.t (a int, b int)',
      /no primary key.*ADD PRIMARY KEY.*ADD COLUMN/,
    ],
    [
      'a unique index over a column that may be NULL',
      'CREATE TABLE public.t (a int NOT NULL, b int, UNIQUE (a, b))',
      /"t_a_b_key" .*"b" may be NULL.*ALTER COLUMN "b" SET NOT NULL/,
    ],
    [
      'a deferrable primary key',
      'CREATE TABLE public.t (a int, b int, PRIMARY KEY (a) DEFERRABLE)',
      /"t_pkey" is DEFERRABLE.*DROP CONSTRAINT "t_pkey", ADD PRIMARY KEY \("a"\)/,
    ],
    [
      'a partial unique index',
      'CREATE TABLE public.t (a int NOT NULL, b int); CREATE UNIQUE INDEX ON public.t (a) WHERE b > 0',
      /no primary key/,
    ],
    [
      'no replica identity',
      'CREATE TABLE public.t (a int PRIMARY KEY, b int); ALTER TABLE public.t REPLICA IDENTITY NOTHING',
      /is NOTHING.*REPLICA IDENTITY DEFAULT/,
    ],
    [
      'children by inheritance',
      'CREATE TABLE public.t (a int PRIMARY KEY, b int); CREATE TABLE public.u () INHERITS (public.t)',
      /inherit/,
    ],
  ])('is refused with the mend when it has %s', async (_, source, reason) => {
    const tables = [{ source: 'public.t', target: 'public.t', owner: null }]
    await expect(createPair(server, { source, tables })).rejects.toMatchObject({
      code: 'BAD_PLAN',
      message: expect.stringMatching(reason),
    })
  })
})

describe('a composite key of several types in another order on the other side', () => {
  it('is copied, streamed, moved and verified', async () => {
    const pair = await createPair(server, {
      source: `CREATE TABLE public.t (day date, who uuid, n numeric(9, 2), tag text COLLATE "C", owner text, note text,
                 PRIMARY KEY (day, who, n, tag))`,
      target: `CREATE TABLE public.t (label text, note text, amount numeric, "Who" uuid, day date, owner text,
                 PRIMARY KEY (label, "Who", day, amount))`,
      tables: [
        {
          source: 'public.t',
          target: 'public.t',
          owner: 'owner',
          forward: {
            day: 'day',
            Who: 'who',
            amount: 'n',
            label: 'tag',
            owner: 'owner',
            note: 'note',
          },
        },
      ],
    })
    await pair.source.query(
      `INSERT INTO public.t SELECT '2024-02-28'::date + n % 5, md5('w' || n % 3)::uuid, n / 4.0, 't' || n % 11, 'u' || n % 7, 'n'
         FROM generate_series(1, 500) n`,
    )
    const links = await running(pair)
    await pair.source.query(
      `UPDATE public.t SET note = 'x' WHERE n < 20; UPDATE public.t SET day = day + 100, tag = 'Z' || tag WHERE n BETWEEN 20 AND 40;
       DELETE FROM public.t WHERE n BETWEEN 41 AND 50`,
    )
    await links.forward.probe(PATIENCE_MS)
    await expectVerified(pair, links)
    await handOver(pair)
    await pair.target.query(
      `UPDATE public.t SET note = 'y' WHERE amount < 10; UPDATE public.t SET label = 'q' || label WHERE amount BETWEEN 60 AND 70;
       DELETE FROM public.t WHERE amount BETWEEN 71 AND 80`,
    )
    await links.reverse.probe(PATIENCE_MS)
    await expectVerified(pair, links)
    expect(
      await contents(
        pair.target,
        'public.t',
        `(day, "Who", amount::numeric(9, 2), label, owner, note)::text`,
      ),
    ).toEqual(await contents(pair.source, 'public.t', '(day, who, n, tag, owner, note)::text'))
    expect(pair.problems).toEqual([])
    await pair.close()
  })
})

describe('a partitioned table', () => {
  const TABLE = `
    CREATE TABLE public.log (id int, region text, owner text, body text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE public.log_eu PARTITION OF public.log FOR VALUES IN ('eu') PARTITION BY RANGE (id);
    CREATE TABLE public.log_eu_1 PARTITION OF public.log_eu FOR VALUES FROM (0) TO (100);
    CREATE TABLE public.log_eu_2 (body text, owner text, id int NOT NULL, region text NOT NULL);
    ALTER TABLE public.log_eu ATTACH PARTITION public.log_eu_2 FOR VALUES FROM (100) TO (100000);
    CREATE TABLE public.log_us PARTITION OF public.log FOR VALUES IN ('us');
    CREATE TABLE public.log_rest PARTITION OF public.log DEFAULT`
  const PLAIN =
    'CREATE TABLE public.log (id int, region text, owner text, body text, PRIMARY KEY (id, region))'
  const HALVES = `
    CREATE TABLE public.log (region text, id int, owner text, body text, PRIMARY KEY (id, region)) PARTITION BY HASH (id);
    CREATE TABLE public.log_0 PARTITION OF public.log FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE public.log_1 PARTITION OF public.log FOR VALUES WITH (MODULUS 2, REMAINDER 1)`
  const spec = { source: 'public.log', target: 'public.log', owner: 'owner' }
  const COLUMNS = `(id, region, owner, md5(body))::text`

  it.each([
    ['a plain one', TABLE, PLAIN],
    ['one with other partitions', TABLE, HALVES],
    ['the same', TABLE, TABLE],
  ])('moves to %s and back, with rows that move between partitions', async (_, source, target) => {
    const pair = await createPair(server, { source, target, tables: [spec] })
    for (const pool of [pair.source, pair.target]) {
      await pool.query(`SELECT banyan.guard('parcels', 'public.log', 'owner')`)
    }
    await pair.source.query(
      `INSERT INTO public.log SELECT n, (ARRAY['eu', 'us', 'asia'])[1 + n % 3], 'u' || n % 5, repeat(md5(n::text), 200)
         FROM generate_series(1, 300) n`,
    )
    const links = await running(pair)
    const changes = `UPDATE public.log SET region = 'us' WHERE id BETWEEN 10 AND 40 AND region <> 'us';
      UPDATE public.log SET id = id + 1000 WHERE id BETWEEN 50 AND 60;
      UPDATE public.log SET owner = 'u9' WHERE id BETWEEN 61 AND 70;
      DELETE FROM public.log WHERE id BETWEEN 71 AND 80;
      INSERT INTO public.log (id, region, owner, body) SELECT n, 'af', 'u1', 'new' FROM generate_series(2000, 2010) n;`
    await pair.source.query(
      `${changes} UPDATE public.log_us SET body = 'direct'; INSERT INTO public.log_eu_2 (id, region, owner) VALUES (500, 'eu', 'u1')`,
    )
    await links.forward.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.log', COLUMNS)).toEqual(
      await contents(pair.source, 'public.log', COLUMNS),
    )
    await handOver(pair)
    await pair.target.query(changes.replaceAll('2000, 2010', '3000, 3010'))
    await links.reverse.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.log', COLUMNS)).toEqual(
      await contents(pair.source, 'public.log', COLUMNS),
    )
    await expectVerified(pair, links)
    await expect(
      pair.source.query(`INSERT INTO public.log_us VALUES (9, 'us', 'u1')`),
    ).rejects.toMatchObject({ code: 'BN001' })
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it.each([
    [
      'created',
      `CREATE TABLE public.log_jp PARTITION OF public.log FOR VALUES IN ('jp')`,
      /partition public.log_jp is new/,
    ],
    [
      'detached',
      'ALTER TABLE public.log DETACH PARTITION public.log_us',
      /partition public.log_us is gone/,
    ],
    [
      'attached further down',
      `CREATE TABLE public.log_eu_3 PARTITION OF public.log_eu FOR VALUES FROM (100000) TO (200000)`,
      /partition public.log_eu_3 is new/,
    ],
  ])('stops the extraction when a partition is %s', async (_, ddl, reason) => {
    const pair = await createPair(server, { source: TABLE, target: PLAIN, tables: [spec] })
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await until('it streams', () => link.status().state === 'streaming')
    await pair.source.query(ddl)
    await until('it is told', () => pair.problems.length > 0)
    expect(pair.problems[0]).toMatchObject({
      kind: 'ddl',
      fatal: true,
      message: expect.stringMatching(reason),
    })
    await pair.close()
  })

  it('is stopped for when a plain table becomes a partition, whose parent could then be written', async () => {
    const pair = await createPair(server, { source: PLAIN, tables: [spec] })
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await until('it streams', () => link.status().state === 'streaming')
    await pair.source.query(
      `CREATE TABLE public.all_logs (LIKE public.log) PARTITION BY RANGE (id);
       ALTER TABLE public.all_logs ATTACH PARTITION public.log DEFAULT`,
    )
    await until('it is told', () => pair.problems.length > 0)
    expect(pair.problems[0]!.message).toMatch(/partition of public.all_logs is new/)
    await pair.close()
  })
})

describe('TRUNCATE', () => {
  it.each(['forward', 'reverse'] as const)(
    'that a table owner forces past the guard stops the %s stream, and deletes nothing',
    async (stream) => {
      const pair = await createPair(server, {
        source: 'CREATE TABLE public.t (id int PRIMARY KEY, owner text)',
        tables: [{ source: 'public.t', target: 'public.t', owner: 'owner' }],
      })
      await pair.source.query(`INSERT INTO public.t VALUES (1, 'u')`)
      const links = await running(pair)
      if (stream === 'reverse') await handOver(pair)
      const [from, to] =
        stream === 'forward' ? [pair.source, pair.target] : [pair.target, pair.source]
      await from.query(`SELECT banyan.guard('parcels', 'public.t', 'owner')`)
      await expect(from.query('TRUNCATE public.t')).rejects.toMatchObject({ code: 'BN001' })
      await from.query('ALTER TABLE public.t DISABLE TRIGGER ALL; TRUNCATE public.t')
      await until('it stopped', () => links[stream].status().state === 'broken')
      expect(pair.problems).toMatchObject([{ kind: 'truncate', fatal: true }])
      expect(await contents(to, 'public.t')).toHaveLength(1)
      await pair.close()
    },
  )
})
