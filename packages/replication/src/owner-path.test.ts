import { BucketSet, bucketOf } from '@banyan/contracts'
import { EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { guardTable, prepareBucketCheck, type TableSpec, verify } from './index.ts'
import { contents, createPair, PATIENCE_MS, type Pair } from './testing/pair.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

const SCHEMA = `
  CREATE TABLE public.list (id int PRIMARY KEY, user_id text, title text);
  CREATE TABLE public.entry (id int PRIMARY KEY, list int NOT NULL REFERENCES public.list ON DELETE CASCADE, note text);
  CREATE TABLE public.mark (id int PRIMARY KEY, entry int NOT NULL REFERENCES public.entry ON DELETE CASCADE ON UPDATE CASCADE, note text);
  CREATE TABLE public.hint (id int PRIMARY KEY, list int REFERENCES public.list ON DELETE SET NULL, note text)`
const TARGET = SCHEMA.replaceAll('public.list', 'public.lists')
  .replaceAll('user_id', '"Owner"')
  .replaceAll('list int', '"listId" int')
const same = (name: string, owner: TableSpec['owner']): TableSpec => ({
  source: `public.${name}`,
  target: `public.${name}`,
  owner,
})
const TABLES: TableSpec[] = [
  { ...same('mark', { through: 'entry', parent: 'public.entry' }) },
  {
    ...same('entry', { through: ['list'], parent: 'public.list' }),
    forward: { id: 'id', listId: 'list', note: 'note' },
  },
  {
    ...same('list', 'user_id'),
    target: 'public.lists',
    forward: { id: 'id', Owner: 'user_id', title: 'title' },
  },
  {
    ...same('hint', { through: 'list', parent: 'public.list' }),
    forward: { id: 'id', listId: 'list', note: 'note' },
  },
]

/** Two owners of ten lists each; ann's buckets are at the target, all others at the source. */
async function halfMoved() {
  const pair = await createPair(server, { source: SCHEMA, target: TARGET, tables: TABLES })
  await pair.source.query(`
    INSERT INTO public.list SELECT n, CASE WHEN n <= 10 THEN 'ann' ELSE 'bob' END, 't' FROM generate_series(1, 20) n;
    INSERT INTO public.entry SELECT n, 1 + n % 20, 'e' FROM generate_series(1, 200) n;
    INSERT INTO public.mark SELECT n, 1 + n % 200, 'm' FROM generate_series(1, 400) n;
    INSERT INTO public.hint SELECT n, 1 + n % 20, 'h' FROM generate_series(1, 40) n`)
  for (const side of ['source', 'target'] as const) {
    for (const table of pair.tables) await guardTable(pair[side], 'parcels', table, side)
  }
  const forward = pair.link('forward')
  const reverse = pair.link('reverse')
  await forward.prepare()
  forward.start()
  await forward.copy()
  await reverse.prepare()
  reverse.start()
  const own = (pool: Pool, owner: string, state: string) =>
    pool.query('UPDATE banyan.ownership SET state = $1, epoch = epoch + 1 WHERE bucket = $2', [
      state,
      bucketOf(owner),
    ])
  await own(pair.source, 'ann', 'closed')
  await own(pair.target, 'ann', 'open')
  return { pair, forward, reverse, own }
}

async function expectSame(pair: Pair): Promise<void> {
  for (const [here, there, columns] of [
    ['list', 'lists', ''],
    ['entry', 'entry', ''],
    ['mark', 'mark', ''],
    ['hint', 'hint', ''],
  ]) {
    expect(await contents(pair.target, `public.${there}`, `t::text${columns}`)).toEqual(
      await contents(pair.source, `public.${here}`, `t::text${columns}`),
    )
  }
}

describe('a table whose owner is its parent’s', () => {
  it('is written where its owner is, and follows both ways, cascades included', async () => {
    const { pair, forward, reverse, own } = await halfMoved()
    const { source, target } = pair
    await target.query(`
      INSERT INTO public.lists VALUES (31, 'ann', 'new'); INSERT INTO public.entry VALUES (501, 31, 'e'), (502, 1, 'e');
      INSERT INTO public.mark VALUES (901, 501, 'm'); UPDATE public.entry SET note = 'x' WHERE "listId" = 2;
      UPDATE public.entry SET id = id + 2000 WHERE "listId" = 3 AND id > 150; DELETE FROM public.mark WHERE entry = 501;
      UPDATE public.hint SET note = 'x' WHERE "listId" = 4`)
    await source.query(`
      INSERT INTO public.entry VALUES (601, 15, 'e'); UPDATE public.mark SET note = 'x' WHERE entry % 20 = 14;
      DELETE FROM public.entry WHERE list = 16; DELETE FROM public.list WHERE id = 17`)
    await forward.probe(PATIENCE_MS)
    await reverse.probe(PATIENCE_MS)
    await expectSame(pair)
    // A list of ann's, deleted where she is: its entries and their marks go, its hints are nobody's then.
    await own(source, '', 'closed')
    await own(target, '', 'open')
    await target.query('DELETE FROM public.lists WHERE id = 5')
    await reverse.probe(PATIENCE_MS)
    await expectSame(pair)
    const buckets = BucketSet.of([bucketOf('ann')])
    const check = await prepareBucketCheck({
      ...pair,
      buckets,
      mostRows: 10_000,
      withinMs: 5000,
    })
    expect(await check!.run(5000)).toMatchObject({ outcome: 'equal' })
    expect(check!.rows).toBeGreaterThan(200)
    expect(check!.rows).toBeLessThan(500)
    const report = await verify({ ...pair, forward, reverse })
    expect(report.divergences).toEqual([])
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('is guarded by the owner of the parent, and of the parent’s parent', async () => {
    const { pair } = await halfMoved()
    const { source, target } = pair
    for (const sql of [
      `INSERT INTO public.entry VALUES (700, 1, 'rogue')`,
      `UPDATE public.entry SET note = 'rogue' WHERE list = 1`,
      'UPDATE public.entry SET list = 1 WHERE list = 15',
      'UPDATE public.entry SET list = 15 WHERE list = 1',
      'DELETE FROM public.mark WHERE entry = 1',
      `INSERT INTO public.mark VALUES (950, 1, 'rogue')`,
      'DELETE FROM public.list WHERE id = 1',
      `UPDATE public.hint SET note = 'rogue'`,
      // By which its entries would change hands, unseen.
      `UPDATE public.list SET user_id = 'carl' WHERE id = 15`,
    ]) {
      await expect(source.query(sql), sql).rejects.toMatchObject({ code: 'BN001' })
    }
    await expect(
      target.query(`INSERT INTO public.entry VALUES (700, 15, 'rogue')`),
    ).rejects.toMatchObject({ code: 'BN001' })
    await source.query(`UPDATE public.list SET title = 'y', user_id = user_id WHERE id = 15`)
    await pair.close()
  })

  it('is not written over by a stream where its owner is, and the rogue row is found', async () => {
    const { pair, forward, reverse } = await halfMoved()
    // Past the guard, as a table's owner can.
    await pair.source.query(`
      ALTER TABLE public.entry DISABLE TRIGGER ALL; ALTER TABLE public.mark DISABLE TRIGGER ALL;
      UPDATE public.entry SET note = 'rogue' WHERE id = 20; INSERT INTO public.entry VALUES (800, 1, 'rogue');
      DELETE FROM public.mark WHERE id = 20; UPDATE public.entry SET note = 'mine' WHERE list = 15`)
    await forward.probe(PATIENCE_MS)
    const { rows } = await pair.target.query(`
      SELECT (SELECT note FROM public.entry WHERE id = 20) AS kept, count(*) FILTER (WHERE id = 800)::int AS added,
             count(*) FILTER (WHERE note = 'mine')::int AS mine, (SELECT count(*)::int FROM public.mark WHERE id = 20) AS mark
        FROM public.entry`)
    expect(rows).toEqual([{ kept: 'e', added: 0, mine: 10, mark: 1 }])
    expect(new Set(pair.problems.map((problem) => problem.kind))).toEqual(new Set(['refused-rows']))
    const report = await verify({ ...pair, forward, reverse })
    expect(report.divergences.map(({ table, key, kind }) => [table, ...key, kind]).sort()).toEqual([
      ['public.entry', '20', 'changed'],
      ['public.entry', '800', 'extra'],
      ['public.mark', '20', 'missing'],
    ])
    const only = await verify({
      ...pair,
      forward,
      reverse,
      buckets: BucketSet.of([bucketOf('bob')]),
    })
    expect(only.divergent).toBe(0)
    await pair.close()
  })

  it.each<[string, string, TableSpec['owner'], RegExp]>([
    [
      'is not moved',
      SCHEMA,
      { through: 'list', parent: 'public.lost' },
      /not a table of the extraction/,
    ],
    [
      'has no foreign key',
      SCHEMA.replace('NOT NULL REFERENCES public.list ON DELETE CASCADE', ''),
      { through: 'list', parent: 'public.list' },
      /the source has no foreign key \(list\) from .* validated and NOT DEFERRABLE/,
    ],
    [
      'is checked only at the end',
      SCHEMA.replace('public.list ON DELETE CASCADE', 'public.list DEFERRABLE'),
      { through: 'list', parent: 'public.list' },
      /NOT DEFERRABLE/,
    ],
    [
      'is the table itself',
      SCHEMA,
      { through: 'list', parent: 'public.entry' },
      /through this table/,
    ],
    ['is named by a wrong column', SCHEMA, { through: 'lst', parent: 'public.list' }, /"lst"/],
  ])('is refused when the parent %s', async (_, source, owner, message) => {
    const tables = [same('entry', owner), same('list', 'user_id')]
    await expect(createPair(server, { source, tables })).rejects.toMatchObject({
      code: 'BAD_PLAN',
      message: expect.stringMatching(message),
    })
  })
})
