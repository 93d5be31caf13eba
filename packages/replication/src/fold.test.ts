import { BucketSet } from '@banyan/contracts'
import { EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  inspectRow,
  prepareBucketCheck,
  proveRoundTrips,
  refuseLosses,
  repairRow,
  resolveTables,
  type TableSpec,
  verify,
} from './index.ts'
import { createPair, own, PATIENCE_MS, type Pair, randomFrom, seed, until } from './testing/pair.ts'
import { change, some } from './testing/random-work.ts'
import type { Random } from './values/random.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

const SOURCE = `CREATE TABLE public.post (id int PRIMARY KEY, owner text, title text);
  CREATE TABLE public.post_tags (
    post_id int REFERENCES public.post ON DELETE CASCADE ON UPDATE CASCADE,
    tag text, place int, price numeric, kept boolean, at timestamptz, note text,
    PRIMARY KEY (post_id, tag), UNIQUE (post_id, place));
  ALTER TABLE public.post_tags ALTER note SET STORAGE EXTERNAL;`
const TARGET = `CREATE SCHEMA content;
  CREATE TABLE content.post (id int PRIMARY KEY, owner text, title text, tags jsonb NOT NULL DEFAULT '[]');
  ALTER TABLE content.post ALTER tags SET STORAGE EXTERNAL;`

const POST: TableSpec = { source: 'public.post', target: 'content.post', owner: 'owner' }
const TAGS: TableSpec = {
  source: 'public.post_tags',
  target: 'content.post',
  owner: { through: 'post_id', parent: 'public.post' },
  fold: { into: 'tags', parent: { post_id: 'id' }, key: ['tag'], order: ['place'] },
}
const TABLES = [POST, TAGS]

const CHILDREN = `SELECT post_id, tag, place, price::text AS price, kept, at, md5(note) AS note
  FROM public.post_tags ORDER BY post_id, tag COLLATE "C"`
const ELEMENTS = `SELECT p.id AS post_id, e->>'tag' AS tag, (e->>'place')::int AS place, e->>'price' AS price,
    (e->>'kept')::boolean AS kept, (e->>'at')::timestamptz AS at, md5(e->>'note') AS note
  FROM content.post p, jsonb_array_elements(p.tags) e ORDER BY p.id, e->>'tag' COLLATE "C"`
const POSTS = 'SELECT id, owner, title FROM'

async function rows(db: Pool, sql: string) {
  return (await db.query(sql)).rows
}

async function expectAlike(pair: Pair) {
  expect(await rows(pair.target, ELEMENTS)).toEqual(await rows(pair.source, CHILDREN))
  expect(await rows(pair.target, `${POSTS} content.post ORDER BY 1`)).toEqual(
    await rows(pair.source, `${POSTS} public.post ORDER BY 1`),
  )
}

const AWKWARD = ['a', 'b', `it''s`, '"q"', 'back\\slash', 'ü€𝄞', '{"x":1}', ' ']
const value = (random: Random, sql: string) => (random() < 0.25 ? 'NULL' : sql)
const note = (random: Random) =>
  value(random, `repeat('${AWKWARD[some(random, 8)]}', ${random() < 0.3 ? 3000 : 1})`)

/** Random statements of the monolith on parents and children. */
function onSource(random: Random): string {
  const id = 1 + some(random, 25)
  const other = 1 + some(random, 25)
  const tag = AWKWARD[some(random, 8)]
  const kind = random()
  const values = `${value(random, `${some(random, 12)}`)}, ${value(random, `${some(random, 99)}.50`)}, ${value(random, 'true')}, ${value(random, `'2026-01-0${1 + some(random, 9)}'`)}, ${note(random)}`
  const post = `INSERT INTO public.post VALUES (${id}, ${value(random, `'u${some(random, 4)}'`)}, 'title') ON CONFLICT DO NOTHING`
  const child = `INSERT INTO public.post_tags SELECT id, '${tag}', ${values} FROM public.post WHERE id = ${id} ON CONFLICT DO NOTHING`
  if (kind < 0.12) return `${post}; ${child}`
  if (kind < 0.4) return child
  if (kind < 0.48) return `DELETE FROM public.post WHERE id = ${id}`
  if (kind < 0.52) return `DELETE FROM public.post WHERE id = ${id}; ${post}; ${child}`
  if (kind < 0.6) return `UPDATE public.post SET id = ${other} WHERE id = ${id}`
  if (kind < 0.64) return `UPDATE public.post SET title = 'title ${other}' WHERE id = ${id}`
  if (kind < 0.72) return `DELETE FROM public.post_tags WHERE post_id = ${id} AND tag = '${tag}'`
  if (kind < 0.78)
    return `UPDATE public.post_tags SET post_id = ${other} WHERE post_id = ${id} AND tag = '${tag}'`
  if (kind < 0.84)
    return `UPDATE public.post_tags SET tag = '${AWKWARD[some(random, 8)]}' WHERE post_id = ${id} AND tag = '${tag}'`
  if (kind < 0.92) return `UPDATE public.post_tags SET note = ${note(random)} WHERE post_id = ${id}`
  return `UPDATE public.post_tags SET place = ${some(random, 12)} WHERE post_id = ${id} AND tag = '${tag}'`
}

/** Random statements of the service on rows and their arrays. */
function onTarget(random: Random): string {
  const id = 1 + some(random, 25)
  const other = 1 + some(random, 25)
  const tag = AWKWARD[some(random, 8)]
  const kind = random()
  const post = `INSERT INTO content.post VALUES (${id}, ${value(random, `'u${some(random, 4)}'`)}, 'title') ON CONFLICT DO NOTHING`
  const without = `(SELECT coalesce(jsonb_agg(e), '[]') FROM jsonb_array_elements(tags) e WHERE e->>'tag' <> '${tag}')`
  const element = `jsonb_build_object('tag', '${tag}', 'place', NULL, 'price', ${value(random, `'${some(random, 99)}.50'`)},
    'kept', ${value(random, 'true')}, 'at', ${value(random, `'2026-01-01 00:00:00+00'`)}, 'note', ${note(random)})`
  if (kind < 0.15) return post
  if (kind < 0.5) return `UPDATE content.post SET tags = ${without} || ${element} WHERE id = ${id}`
  if (kind < 0.56) return `DELETE FROM content.post WHERE id = ${id}`
  if (kind < 0.6) return `DELETE FROM content.post WHERE id = ${id}; ${post}`
  if (kind < 0.7) return `UPDATE content.post SET id = ${other} WHERE id = ${id}`
  if (kind < 0.75) return `UPDATE content.post SET title = 'title ${other}' WHERE id = ${id}`
  if (kind < 0.85) return `UPDATE content.post SET tags = ${without} WHERE id = ${id}`
  if (kind < 0.92)
    return `UPDATE content.post a SET tags = b.tags FROM content.post b
      WHERE a.id IN (${id}, ${other}) AND b.id IN (${id}, ${other}) AND a.id <> b.id`
  return `UPDATE content.post SET tags = (SELECT coalesce(jsonb_agg(e || '{"place": null}'), '[]') FROM jsonb_array_elements(tags) e) WHERE id = ${id}`
}

async function expectVerified(
  pair: Pair,
  forward: ReturnType<Pair['link']>,
  reverse: typeof forward,
) {
  const { source, target, tables } = pair
  const report = await verify({ tables, source, target, forward, reverse, chunkRows: 7 })
  expect(report.divergences).toEqual([])
  expect(report.rows).toBeGreaterThan(20)
  const check = await prepareBucketCheck({
    tables,
    source,
    target,
    buckets: BucketSet.all,
    mostRows: 1e6,
    withinMs: 9_000,
  })
  expect(await check!.run(9_000)).toMatchObject({ outcome: 'equal', tables: [] })
}

describe('a table that is folded into its parents', () => {
  it('leaves an element behind that went before its parent got another key', async () => {
    const pair = await createPair(server, { source: SOURCE, target: TARGET, tables: TABLES })
    await pair.source.query(
      `INSERT INTO public.post SELECT n, 'u', 'title' FROM generate_series(1, 3) n;
       INSERT INTO public.post_tags SELECT n, tag, ascii(tag) FROM generate_series(1, 3) n, unnest('{a,b}'::text[]) tag`,
    )
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await link.copy()
    await pair.source.query(`BEGIN;
      DELETE FROM public.post_tags WHERE post_id = 1; UPDATE public.post SET id = 11 WHERE id = 1;
      UPDATE public.post_tags SET post_id = 11, tag = 'c', place = 9 WHERE post_id = 2 AND tag = 'b';
      COMMIT`)
    await link.probe(PATIENCE_MS)
    await expectAlike(pair)
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('is copied and followed both ways, through a break of either stream, and verifies', async () => {
    const random = randomFrom(seed('fold'))
    const pair = await createPair(server, { source: SOURCE, target: TARGET, tables: TABLES })
    refuseLosses(pair.tables, await proveRoundTrips(pair.source, pair.target, pair.tables))
    expect(pair.tables.flatMap((table) => table.oneWay ?? [])).toEqual([])
    await change(pair.source, onSource, random, 150)
    let forward = pair.link('forward')
    await forward.prepare()
    forward.start()
    await Promise.all([forward.copy({ chunkRows: 5 }), change(pair.source, onSource, random, 100)])
    await forward.probe(PATIENCE_MS)
    await expectAlike(pair)

    const busy = change(pair.source, onSource, random, 300)
    await forward.close()
    forward = pair.link('forward')
    forward.start()
    await busy
    await forward.probe(PATIENCE_MS)
    await expectAlike(pair)

    let reverse = pair.link('reverse')
    await reverse.prepare()
    reverse.start()
    await expectVerified(pair, forward, reverse)
    await own(pair.source, 'closed')
    await own(pair.target, 'open')
    const back = change(pair.target, onTarget, random, 300)
    await reverse.close()
    reverse = pair.link('reverse')
    reverse.start()
    await back
    await reverse.probe(PATIENCE_MS)
    await expectAlike(pair)
    await expectVerified(pair, forward, reverse)

    await own(pair.target, 'closed')
    await own(pair.source, 'open')
    await change(pair.source, onSource, random, 100)
    await forward.probe(PATIENCE_MS)
    await expectAlike(pair)
    expect(pair.problems).toEqual([])
    await pair.close()
  })
})

/** A pair whose target owns everything, with what the arrays hold; both streams run. */
async function owned(more = '') {
  const pair = await createPair(server, {
    source: `${SOURCE} INSERT INTO public.post SELECT n, 'u' || n, 'title' FROM generate_series(1, 3) n;
      INSERT INTO public.post_tags SELECT n, t, i, 1.50, true, '2026-01-01', 'note'
        FROM generate_series(1, 3) n, unnest('{a,b,c}'::text[]) WITH ORDINALITY AS u(t, i); ${more}`,
    target: TARGET,
    tables: TABLES,
  })
  const forward = pair.link('forward')
  await forward.prepare()
  forward.start()
  await forward.copy()
  await forward.probe(PATIENCE_MS)
  const reverse = pair.link('reverse')
  await reverse.prepare()
  reverse.start()
  await own(pair.source, 'closed')
  await own(pair.target, 'open')
  return { pair, forward, reverse }
}

const ELEMENT = { tag: 'a', place: 1, price: '1.50', kept: true, at: null, note: null }
const set = (pair: Pair, id: number, tags: unknown) =>
  pair.target.query('UPDATE content.post SET tags = $2 WHERE id = $1', [id, JSON.stringify(tags)])

describe('an array that the service writes', () => {
  it('stops the stream back where it cannot be rows, naming row and reason, and goes on once it is mended', async () => {
    const { pair, reverse } = await owned()
    const wrong: [unknown, RegExp][] = [
      [{ a: 1 }, /"tags" is an object, not an array/],
      [[ELEMENT, 'b'], /element 1 of "tags" is a string, not an object/],
      [[ELEMENT, ELEMENT], /element 1 of "tags" has the key of an element before it/],
      [[{ ...ELEMENT, colour: 'red' }], /has "colour", which no column is made from/],
      [[{ tag: 'a' }], /has no "place" \(an empty one is null\)/],
      [[{ ...ELEMENT, tag: null }], /"tag" of element 0 of "tags" is null, but belongs to its key/],
      [[{ ...ELEMENT, price: 1.5 }], /"price" .* is a number, not a string, as PostgreSQL prints/],
      [[{ ...ELEMENT, kept: 'yes' }], /"kept" .* is a string, not true or false/],
      [[{ ...ELEMENT, place: 3e9 }], /out of range/],
      [[{ ...ELEMENT, at: 'soon' }], /invalid input syntax for type timestamp.*"soon"/],
    ]
    for (const [tags, message] of wrong) {
      const before = await rows(pair.source, CHILDREN)
      pair.problems.length = 0
      await set(pair, 2, tags)
      const problem = await until('it stops', () => pair.problems[0])
      expect(problem).toMatchObject({ kind: 'bad-data', fatal: true })
      expect(problem.message).toMatch(/the row \(id 2\) of "content"."post".* public.post_tags: /)
      expect(problem.message).toMatch(message)
      expect(await rows(pair.source, CHILDREN)).toEqual(before)
      await set(pair, 3, [{ ...ELEMENT, note: `behind ${message}` }])
      await set(pair, 2, [ELEMENT, { ...ELEMENT, tag: 'z', place: null }])
      await reverse.stop()
      reverse.start()
      await reverse.probe(PATIENCE_MS)
      await expectAlike(pair)
    }
    await pair.close()
  })

  it('leaves alone the rows whose elements it leaves alone', async () => {
    const { pair, reverse } = await owned()
    const written = `SELECT tag FROM public.post_tags WHERE xmin::text <> $1 ORDER BY 1`
    const { rows: first } = await pair.source.query<{ x: string }>(
      'SELECT DISTINCT xmin::text AS x FROM public.post_tags',
    )
    expect(first).toHaveLength(1)
    await pair.target.query(`UPDATE content.post SET title = 'other'`)
    await pair.target.query(
      `UPDATE content.post SET tags = jsonb_set(tags, '{1,place}', '7') WHERE id = 1`,
    )
    await reverse.probe(PATIENCE_MS)
    const { rows: changed } = await pair.source.query(written, [first[0]!.x])
    expect(changed).toEqual([{ tag: 'b' }])
    await expectAlike(pair)
    await pair.close()
  })

  it('may exchange unique values among its elements, and with those of another row', async () => {
    const { pair, reverse } = await owned(
      'UPDATE public.post_tags SET note = post_id || tag; ALTER TABLE public.post_tags ADD UNIQUE (note)',
    )
    const places = `jsonb_set(jsonb_set(tags, '{0,place}', tags #> '{1,place}'), '{1,place}', tags #> '{0,place}')`
    await pair.target.query(`UPDATE content.post SET tags = ${places}`)
    await reverse.probe(PATIENCE_MS)
    await expectAlike(pair)
    await pair.target.query(`UPDATE content.post a SET tags = jsonb_set(a.tags, '{0,note}', b.tags #> '{0,note}')
      FROM content.post b WHERE (a.id, b.id) IN ((1, 2), (2, 1))`)
    await reverse.probe(PATIENCE_MS)
    await expectAlike(pair)
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('moves along with its row, though a large one is not in the change', async () => {
    const { pair, reverse } = await owned(`UPDATE public.post_tags SET note = repeat('wide', 5000)`)
    await pair.target.query('UPDATE content.post SET id = id + 10')
    await reverse.probe(PATIENCE_MS)
    await expectAlike(pair)
    expect(await rows(pair.source, 'SELECT DISTINCT post_id FROM public.post_tags')).toHaveLength(3)
    await pair.close()
  })
})

describe('folded rows of a bucket that is open on the side written', () => {
  it('are not written, either way', async () => {
    const { pair, forward, reverse } = await owned()
    const before = await rows(pair.target, ELEMENTS)
    await pair.source.query(`DELETE FROM public.post_tags WHERE post_id = 1`)
    await pair.source.query(`UPDATE public.post_tags SET note = 'not mine' WHERE post_id = 2`)
    await pair.source.query(`INSERT INTO public.post_tags VALUES (3, 'new')`)
    await forward.probe(PATIENCE_MS)
    expect(await rows(pair.target, ELEMENTS)).toEqual(before)

    await own(pair.source, 'open')
    await own(pair.target, 'closed')
    const here = await rows(pair.source, CHILDREN)
    await set(pair, 2, [ELEMENT])
    await set(pair, 3, [])
    await reverse.probe(PATIENCE_MS)
    expect(await rows(pair.source, CHILDREN)).toEqual(here)
    await pair.close()
  })
})

describe('a folded row that differs', () => {
  it('is found by the comparison and the check of a bucket, and repaired from either side', async () => {
    const { pair, forward, reverse } = await owned()
    const { source, target, tables } = pair
    const sides = { source, target, forward, reverse }
    const options = { ...sides, table: tables[1]!, key: ['2', 'b'] }
    const check = await prepareBucketCheck({
      tables,
      source,
      target,
      buckets: BucketSet.all,
      mostRows: 1e6,
      withinMs: 9_000,
    })
    const breakIt = `DELETE FROM public.post_tags WHERE post_id = 2 AND tag = 'b'`
    await source.query(breakIt)
    await forward.probe(PATIENCE_MS)
    expect(await check!.run(9_000)).toMatchObject({
      outcome: 'different',
      tables: ['public.post_tags'],
    })
    const report = await verify({ ...sides, tables })
    expect(report.divergences).toEqual([
      { table: 'public.post_tags', key: ['2', 'b'], kind: 'missing', columns: [] },
    ])
    expect(await inspectRow(options)).toMatchObject({ owner: 'target', exists: true })
    expect(await repairRow(options)).toBe('written')
    await expectAlike(pair)

    await own(source, 'open')
    await own(target, 'closed')
    await target.query(`UPDATE content.post SET tags = jsonb_set(tags, '{1,price}', '"9"')`)
    await reverse.probe(PATIENCE_MS)
    expect((await verify({ ...sides, tables })).divergences).toMatchObject([
      { key: ['1', 'b'], kind: 'changed', columns: ['price'] },
      { key: ['2', 'b'] },
      { key: ['3', 'b'] },
    ])
    for (const key of [
      ['1', 'b'],
      ['2', 'b'],
      ['3', 'b'],
    ])
      expect(await repairRow({ ...options, key })).toBe('written')
    await expectAlike(pair)
    await pair.close()
  })
})

describe('a fold', () => {
  it('follows a transaction that is applied in pieces, whose parents move', async () => {
    const pair = await createPair(server, { source: SOURCE, target: TARGET, tables: TABLES })
    const forward = pair.link('forward')
    await forward.prepare()
    forward.start()
    await forward.copy()
    await pair.source.query(`BEGIN;
      INSERT INTO public.post SELECT n, 'u' || n % 7, 'title' FROM generate_series(1, 400) n;
      INSERT INTO public.post_tags (post_id, tag, note) SELECT n, 't' || t, repeat('note ', 100)
        FROM generate_series(1, 400) n, generate_series(1, 15) t;
      UPDATE public.post SET id = id + 1000;
      UPDATE public.post_tags SET tag = tag || ' moved' WHERE tag < 't3';
      DELETE FROM public.post_tags WHERE tag = 't4';
      UPDATE public.post SET id = id - 1000 WHERE id % 3 = 0;
      DELETE FROM public.post WHERE id % 10 = 0;
      COMMIT`)
    await forward.probe(PATIENCE_MS)
    await expectAlike(pair)
    expect(await rows(pair.target, ELEMENTS)).toHaveLength(360 * 14)
    await pair.close()
  })

  it('renames, computes, and knows an owner column and a key of its own', async () => {
    const source = `CREATE TABLE public.box (a int, b text, owner text, PRIMARY KEY (b, a));
      CREATE TABLE public.thing (id bigint PRIMARY KEY, box_a int NOT NULL, box_b text NOT NULL, who text, cents int NOT NULL, junk text,
        FOREIGN KEY (box_b, box_a) REFERENCES public.box (b, a) ON UPDATE CASCADE);
      CREATE UNIQUE INDEX thing_in_box ON public.thing (box_b, box_a, id);
      ALTER TABLE public.thing REPLICA IDENTITY USING INDEX thing_in_box;
      INSERT INTO public.box SELECT n, 'b' || n, 'ann' FROM generate_series(1, 4) n;
      INSERT INTO public.thing SELECT n, 1 + n % 4, 'b' || 1 + n % 4, 'ann', n * 7, 'junk' FROM generate_series(1, 40) n;`
    const target = `CREATE TABLE public.crate (y text, x int, owner text, things jsonb NOT NULL DEFAULT '[]', PRIMARY KEY (y, x));`
    const tables: TableSpec[] = [
      {
        source: 'public.box',
        target: 'public.crate',
        owner: 'owner',
        forward: { x: 'a', y: 'b', owner: 'owner' },
      },
      {
        source: 'public.thing',
        target: 'public.crate',
        owner: 'who',
        fold: { into: 'things', parent: { box_a: 'x', box_b: 'y' }, key: ['id'] },
        forward: {
          no: 'id',
          who: 'who',
          price: { from: ['cents'], sql: `cents / 100 || '.' || abs(cents) % 100` },
        },
        backward: { cents: { from: ['price'], sql: `(price::numeric * 100)::int` } },
      },
    ]
    const pair = await createPair(server, { source, target, tables })
    expect(pair.tables[1]!.oneWay).toEqual(['public.thing.junk is not written back'])
    const trips = await proveRoundTrips(pair.source, pair.target, pair.tables)
    expect(() => refuseLosses(pair.tables, trips)).toThrow(
      /public.thing, column "cents": a row, .* does not survive/,
    )
    const price = {
      from: ['cents'],
      sql: `CASE WHEN cents < 0 THEN '-' ELSE '' END || abs(cents::bigint) / 100 || '.' || lpad((abs(cents::bigint) % 100)::text, 2, '0')`,
    }
    const better = [tables[0]!, { ...tables[1]!, forward: { ...tables[1]!.forward, price } }]
    pair.tables = await resolveTables(pair.source, pair.target, better)
    refuseLosses(pair.tables, await proveRoundTrips(pair.source, pair.target, pair.tables))
    const forward = pair.link('forward')
    await forward.prepare()
    forward.start()
    await forward.copy({ chunkRows: 3 })
    const reverse = pair.link('reverse')
    await reverse.prepare()
    reverse.start()
    const here = `SELECT box_b, box_a, id::text, who, cents FROM public.thing ORDER BY thing.id`
    const there = `SELECT y AS box_b, x AS box_a, e->>'no' AS id, e->>'who' AS who, ((e->>'price')::numeric * 100)::int AS cents
      FROM public.crate, jsonb_array_elements(things) e ORDER BY (e->>'no')::bigint`
    await pair.source.query(`UPDATE public.thing SET box_a = 2, box_b = 'b2' WHERE id < 9`)
    await pair.source.query(`UPDATE public.box SET a = 44 WHERE a = 4`)
    await forward.probe(PATIENCE_MS)
    expect(await rows(pair.target, there)).toEqual(await rows(pair.source, here))
    await own(pair.source, 'closed')
    await own(pair.target, 'open')
    await pair.target.query(`UPDATE public.crate SET x = 33 WHERE x = 3`)
    await pair.target.query(`UPDATE public.crate SET things = things - 0 WHERE x < 9`)
    await pair.target.query(`UPDATE public.crate a SET things = b.things FROM public.crate b
      WHERE (a.x, b.x) IN ((1, 2), (2, 1))`)
    await reverse.probe(PATIENCE_MS)
    expect(await rows(pair.target, there)).toEqual(await rows(pair.source, here))
    expect(await rows(pair.source, here)).toHaveLength(38)
    const { source: from, target: to } = pair
    const sides = { source: from, target: to, forward, reverse, tables: pair.tables }
    expect((await verify({ ...sides, chunkRows: 4 })).divergences).toEqual([])
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('is compared along the key of the rows that hold the arrays, among 100,000 of them', async () => {
    const pair = await createPair(server, { source: SOURCE, target: TARGET, tables: TABLES })
    await pair.source.query(`SET session_replication_role = replica;
      INSERT INTO public.post_tags (post_id, tag) SELECT n, 'a' FROM generate_series(1, 100000) n;
      RESET session_replication_role; ANALYZE`)
    await pair.target.query(`INSERT INTO content.post SELECT n, 'u', 't',
        '[{"tag": "a", "place": null, "price": null, "kept": null, "at": null, "note": null}]'
        FROM generate_series(1, 100000) n; ANALYZE`)
    const asked: string[] = []
    const target: Pool = Object.create(pair.target)
    target.query = ((query: { text?: string }, values: unknown[]) => {
      if (query.text?.includes('jsonb_array_elements')) asked.push(query.text)
      return pair.target.query(query as never, values as never)
    }) as never
    const link = pair.link('forward')
    const { source } = pair
    const tables = [pair.tables[1]!]
    const report = await verify({ tables, source, target, forward: link, reverse: link })
    expect(report).toMatchObject({ rows: 100_000, divergent: 0 })
    const page = asked.filter((text) => text.includes('LIMIT')).at(-1)!
    const plan = (await rows(pair.target, `EXPLAIN ${page}`)).map((row) => row['QUERY PLAN'])
    expect(plan.join('\n')).toMatch(/Index Scan using post_pkey[\s\S]*Index Cond: .*id >= /)
    await pair.close()
  })
})

describe('a fold is refused', () => {
  const fold = TAGS.fold!
  it.each<[string, TableSpec[], string, string, RegExp]>([
    ['without the entry of its rows', [TAGS], SOURCE, TARGET, /no table of the plan has/],
    [
      'into a column that may be empty',
      TABLES,
      SOURCE,
      TARGET.replace(` NOT NULL DEFAULT '[]'`, ''),
      /must be jsonb NOT NULL DEFAULT/,
    ],
    [
      'whose key does not begin with its parent',
      TABLES,
      SOURCE.replace('(post_id, tag)', '(tag, post_id)'),
      TARGET,
      /must begin with \(post_id\).*CREATE UNIQUE INDEX/,
    ],
    [
      'without a foreign key',
      TABLES,
      SOURCE.replace('REFERENCES public.post ON DELETE CASCADE ON UPDATE CASCADE', ''),
      TARGET,
      /no foreign key \(post_id\)/,
    ],
    [
      'ordered by what elements have not',
      [POST, { ...TAGS, fold: { ...fold, order: ['plase'] } }],
      SOURCE,
      TARGET,
      /elements have no "plase"; near: place/,
    ],
    [
      'whose key is given otherwise than it is',
      [POST, { ...TAGS, fold: { ...fold, key: ['place'] } }],
      SOURCE,
      TARGET,
      /key is \["place"\].*told apart by \["tag"\]/,
    ],
    [
      'whose owner is not its rows’',
      [POST, { ...TAGS, owner: null }],
      SOURCE,
      TARGET,
      /move by owner, or both do not/,
    ],
    [
      'into a column that its rows’ entry fills',
      [
        {
          ...POST,
          forward: { id: 'id', owner: 'owner', title: 'title', tags: { from: [], sql: `'[]'` } },
        },
        TAGS,
      ],
      SOURCE,
      TARGET,
      /"tags" .* belongs to the rows of public.post_tags/,
    ],
  ])('%s', async (_, tables, source, target, message) => {
    const pair = await createPair(server, { source, target, tables: [] })
    await expect(resolveTables(pair.source, pair.target, tables)).rejects.toMatchObject({
      code: 'BAD_PLAN',
      message: expect.stringMatching(message),
    })
    await pair.close()
  })
})
