import { EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { proveRoundTrips, refuseLosses, resolveTables, type TableSpec, verify } from './index.ts'
import { createPair, own, PATIENCE_MS, type Pair, randomFrom, seed } from './testing/pair.ts'
import { change, some } from './testing/random-work.ts'
import type { Random } from './values/random.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

/** One table with everything, and the same as a main table with an extension of some of its rows. */
const WHOLE = `CREATE TABLE public.person (id int PRIMARY KEY, owner text, name text NOT NULL, bio text, stars int);
  ALTER TABLE public.person ALTER bio SET STORAGE EXTERNAL, ALTER name SET STORAGE EXTERNAL;`
const DIVIDED = `CREATE TABLE public.account (id int PRIMARY KEY, owner text, name text NOT NULL);
  CREATE TABLE public.profile (id int PRIMARY KEY REFERENCES public.account ON DELETE CASCADE ON UPDATE CASCADE,
    owner text, bio text, level text, CHECK (bio IS NOT NULL OR level IS NOT NULL));
  ALTER TABLE public.profile ALTER bio SET STORAGE EXTERNAL;`
const hasProfile = { from: ['bio', 'stars'], sql: 'bio IS NOT NULL OR stars IS NOT NULL' }
const level = { from: ['stars'], sql: `'level ' || stars` }
const stars = { from: ['level'], sql: `substr(level, 7)::int` }

const SPLIT: TableSpec[] = [
  {
    source: 'public.person',
    target: 'public.account',
    owner: 'owner',
    forward: { id: 'id', owner: 'owner', name: 'name' },
  },
  {
    source: 'public.person',
    target: 'public.profile',
    owner: 'owner',
    part: { of: 'source', where: hasProfile },
    forward: { id: 'id', owner: 'owner', bio: 'bio', level },
    backward: { stars },
  },
]
const MERGE: TableSpec[] = [
  { ...SPLIT[0]!, source: 'public.account', target: 'public.person' },
  {
    source: 'public.profile',
    target: 'public.person',
    owner: 'owner',
    part: { of: 'target', where: hasProfile },
    forward: { id: 'id', owner: 'owner', bio: 'bio', stars },
    backward: { level },
    holds: [`level ~ '^level [1-9][0-9]{0,5}$'`],
  },
]

/** What both sides should say, each in its own words. */
const AS_WHOLE = `SELECT id, owner, md5(name) AS name, md5(bio) AS bio, stars::text AS level FROM public.person ORDER BY id`
const AS_DIVIDED = `SELECT a.id, a.owner, md5(a.name) AS name, md5(p.bio) AS bio, substr(p.level, 7) AS level
  FROM public.account a LEFT JOIN public.profile p USING (id, owner) ORDER BY id`

async function rows(db: Pool, sql: string) {
  return (await db.query(sql)).rows
}

const wide = (random: Random) => `'${'x'.repeat(some(random, 2) * 4000)}${some(random, 1e6)}'`
const maybe = (random: Random, value: string) => (random() < 0.4 ? 'NULL' : value)

/** Random statements on the whole table. */
function onWhole(random: Random): string {
  const id = 1 + some(random, 60)
  const kind = random()
  const bio = maybe(random, wide(random))
  const number = maybe(random, `${some(random, 90)}`)
  if (kind < 0.35) {
    return `INSERT INTO public.person VALUES (${id}, 'u${id % 5}', ${wide(random)}, ${bio}, ${number}) ON CONFLICT DO NOTHING`
  }
  if (kind < 0.5) return `DELETE FROM public.person WHERE id = ${id}`
  if (kind < 0.65) {
    return `UPDATE public.person SET id = ${1 + some(random, 60)} WHERE id = ${id}`
  }
  if (kind < 0.8) return `UPDATE public.person SET bio = ${bio} WHERE id = ${id}`
  if (kind < 0.9) return `UPDATE public.person SET stars = ${number} WHERE id = ${id}`
  return `UPDATE public.person SET name = ${wide(random)} WHERE id = ${id}`
}

/** Random statements on the divided ones. */
function onDivided(random: Random): string {
  const id = 1 + some(random, 60)
  const other = 1 + some(random, 60)
  const kind = random()
  const account = `INSERT INTO public.account VALUES (${id}, 'u${id % 5}', ${wide(random)}) ON CONFLICT DO NOTHING`
  const profile = `INSERT INTO public.profile SELECT id, owner, ${wide(random)}, ${maybe(random, `'level ${some(random, 90)}'`)}
    FROM public.account WHERE id = ${id} ON CONFLICT DO NOTHING`
  if (kind < 0.2) return account
  if (kind < 0.4) return `${account}; ${profile}`
  if (kind < 0.5) return profile
  if (kind < 0.6) return `DELETE FROM public.account WHERE id = ${id}`
  if (kind < 0.7) return `DELETE FROM public.profile WHERE id = ${id}`
  if (kind < 0.8) return `UPDATE public.account SET id = ${other} WHERE id = ${id}`
  // A profile that is given to another account leaves its large value behind in the change.
  if (kind < 0.85) {
    return `UPDATE public.profile SET id = a.id, owner = a.owner FROM public.account a WHERE profile.id = ${id} AND a.id = ${other}`
  }
  if (kind < 0.95) {
    return `UPDATE public.profile SET level = 'level ${some(random, 90)}' WHERE id = ${id}`
  }
  return `UPDATE public.account SET name = ${wide(random)} WHERE id = ${id}`
}

async function expectVerified(
  pair: Pair,
  forward: ReturnType<Pair['link']>,
  reverse: typeof forward,
) {
  const report = await verify({
    tables: pair.tables,
    source: pair.source,
    target: pair.target,
    forward,
    reverse,
    chunkRows: 7,
  })
  expect(report.divergences).toEqual([])
  expect(report.rows).toBeGreaterThan(10)
}

describe.each([
  ['split', WHOLE, DIVIDED, SPLIT, onWhole, AS_WHOLE, onDivided, AS_DIVIDED],
  ['merge', DIVIDED, WHOLE, MERGE, onDivided, AS_DIVIDED, onWhole, AS_WHOLE],
] as const)('a table that is %s', (name, source, target, tables, here, asHere, there, asThere) => {
  it('is copied and followed both ways, through a crash of either stream, and verifies', async () => {
    const random = randomFrom(seed(name))
    const pair = await createPair(server, { source, target, tables })
    refuseLosses(pair.tables, await proveRoundTrips(pair.source, pair.target, pair.tables))
    expect(pair.tables.flatMap((table) => table.oneWay ?? [])).toEqual([])
    await change(pair.source, here, random, 150)
    let forward = pair.link('forward')
    await forward.prepare()
    forward.start()
    await Promise.all([forward.copy({ chunkRows: 5 }), change(pair.source, here, random, 100)])
    await forward.probe(PATIENCE_MS)
    expect(await rows(pair.target, asThere)).toEqual(await rows(pair.source, asHere))

    const busy = change(pair.source, here, random, 200)
    await forward.close()
    forward = pair.link('forward')
    forward.start()
    await busy
    await forward.probe(PATIENCE_MS)
    expect(await rows(pair.target, asThere)).toEqual(await rows(pair.source, asHere))

    let reverse = pair.link('reverse')
    await reverse.prepare()
    reverse.start()
    await own(pair.source, 'closed')
    await own(pair.target, 'open')
    const back = change(pair.target, there, random, 200)
    await reverse.close()
    reverse = pair.link('reverse')
    reverse.start()
    await back
    await reverse.probe(PATIENCE_MS)
    expect(await rows(pair.source, asHere)).toEqual(await rows(pair.target, asThere))
    await expectVerified(pair, forward, reverse)
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('shows what differs in a part', async () => {
    const pair = await createPair(server, { source, target, tables })
    const random = randomFrom(7)
    await change(pair.source, here, random, 300)
    const forward = pair.link('forward')
    await forward.prepare()
    forward.start()
    await forward.copy()
    const [broken, key] =
      name === 'split'
        ? [
            'DELETE FROM public.profile WHERE id = (SELECT min(id) FROM public.profile) RETURNING id',
            'missing',
          ]
        : [
            'UPDATE public.person SET bio = NULL, stars = NULL WHERE id = (SELECT min(id) FROM public.person WHERE bio IS NOT NULL) RETURNING id',
            'missing',
          ]
    const { rows: hit } = await pair.target.query<{ id: number }>(broken)
    const report = await verify({
      tables: pair.tables,
      source: pair.source,
      target: pair.target,
      forward,
      reverse: forward,
    })
    expect(report.divergences).toMatchObject([{ key: [String(hit[0]!.id)], kind: key }])
    await forward.repair(report.divergences[0]!.table, report.divergences[0]!.key)
    expect(await rows(pair.target, asThere)).toEqual(await rows(pair.source, asHere))
    await pair.close()
  })
})

describe('a large value that a change left alone', () => {
  it('is read again when its row comes to have a part, and goes when it has none', async () => {
    const starred = { from: ['stars'], sql: 'stars IS NOT NULL' }
    const tables: TableSpec[] = [
      SPLIT[0]!,
      { ...SPLIT[1]!, part: { of: 'source', where: starred } },
    ]
    const pair = await createPair(server, { source: WHOLE, target: DIVIDED, tables })
    await pair.source.query(
      `INSERT INTO public.person SELECT n, 'u', 'n', repeat('bio ' || n, 2000) FROM generate_series(1, 3) n`,
    )
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await link.copy()
    const parts = `SELECT id, md5(bio) = md5(repeat('bio ' || id % 10, 2000)) AS same, level FROM public.profile ORDER BY 1`
    expect(await rows(pair.target, parts)).toEqual([])
    await pair.source.query('UPDATE public.person SET stars = 5 WHERE id < 3')
    await pair.source.query('UPDATE public.person SET id = 11 WHERE id = 1')
    await link.probe(PATIENCE_MS)
    expect(await rows(pair.target, parts)).toEqual([
      { id: 2, same: true, level: 'level 5' },
      { id: 11, same: true, level: 'level 5' },
    ])
    await pair.source.query('UPDATE public.person SET stars = NULL WHERE id = 2')
    await link.probe(PATIENCE_MS)
    expect(await rows(pair.target, parts)).toHaveLength(1)
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('moves along with a part that is given to another row', async () => {
    const pair = await createPair(server, { source: DIVIDED, target: WHOLE, tables: MERGE })
    await pair.source.query(
      `INSERT INTO public.account VALUES (1, 'u', 'one'), (2, 'u', 'two');
       INSERT INTO public.profile VALUES (1, 'u', repeat('wide', 2000), 'level 3')`,
    )
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await link.copy()
    await pair.source.query('UPDATE public.profile SET id = 2')
    await link.probe(PATIENCE_MS)
    const whole = 'SELECT id, length(bio) AS length, stars FROM public.person ORDER BY 1'
    expect(await rows(pair.target, whole)).toEqual([
      { id: 1, length: null, stars: null },
      { id: 2, length: 8000, stars: 3 },
    ])
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('does not move along with its row when it went before', async () => {
    const pair = await createPair(server, { source: DIVIDED, target: WHOLE, tables: MERGE })
    await pair.source.query(
      `INSERT INTO public.account SELECT n, 'u', 'number ' || n FROM generate_series(1, 4) n;
       INSERT INTO public.profile SELECT n, 'u', 'of ' || n FROM generate_series(1, 3) n`,
    )
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await link.copy()
    // Taken away; given to another; and taken away where another then comes to stand.
    await pair.source.query(`BEGIN;
      DELETE FROM public.profile WHERE id = 1; UPDATE public.account SET id = 11 WHERE id = 1;
      UPDATE public.profile SET id = 4 WHERE id = 2; UPDATE public.account SET id = 12 WHERE id = 2;
      UPDATE public.account SET id = 1 WHERE id = 3;
      COMMIT`)
    await link.probe(PATIENCE_MS)
    const whole = 'SELECT id, name, bio FROM public.person ORDER BY 1'
    expect(await rows(pair.target, whole)).toEqual([
      { id: 1, name: 'number 3', bio: 'of 3' },
      { id: 4, name: 'number 4', bio: 'of 2' },
      { id: 11, name: 'number 1', bio: null },
      { id: 12, name: 'number 2', bio: null },
    ])
    expect(pair.problems).toEqual([])
    await pair.close()
  })
})

it('a part that its condition would not see is found before the start', async () => {
  const source = DIVIDED.replace(/, CHECK \(bio IS NOT NULL OR level IS NOT NULL\)/, '')
  const pair = await createPair(server, { source, target: WHOLE, tables: MERGE })
  const trips = await proveRoundTrips(pair.source, pair.target, pair.tables)
  expect(() => refuseLosses(pair.tables, trips)).toThrow(
    /public.profile to public.person, column "id": .*bio NULL, level NULL.*the whole row is gone/,
  )
  await pair.close()
})

describe('a part is refused', () => {
  it.each<[string, TableSpec[], string, RegExp]>([
    ['without its main entry', [SPLIT[1]!], DIVIDED, /no other table of the plan has .*person/],
    [
      'that is not declared one',
      [SPLIT[0]!, { ...SPLIT[1]!, part: undefined as never }],
      DIVIDED,
      /has the same source/,
    ],
    [
      'that fills what another fills',
      [SPLIT[0]!, { ...SPLIT[1]!, backward: { stars, name: 'bio' } }],
      DIVIDED,
      /"name" of .*person.* is filled by public.person too/,
    ],
    [
      'whose condition names a column that is not there',
      [SPLIT[0]!, { ...SPLIT[1]!, part: { of: 'source', where: { from: ['boi'], sql: 'true' } } }],
      DIVIDED,
      /no column "boi"; near: "bio"/,
    ],
    [
      'that does not reference its main table',
      SPLIT,
      DIVIDED.replace(/REFERENCES public.account ON DELETE CASCADE ON UPDATE CASCADE/, ''),
      /ADD FOREIGN KEY \(id\) REFERENCES "public"."account"/,
    ],
  ])('%s', async (_, tables, target, message) => {
    const pair = await createPair(server, { source: WHOLE, target, tables: [] })
    await expect(resolveTables(pair.source, pair.target, tables)).rejects.toMatchObject({
      code: 'BAD_PLAN',
      message: expect.stringMatching(message),
    })
    await pair.close()
  })
})
