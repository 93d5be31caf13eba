import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { inspectRow, type Link, repairRow, type VerifyReport, verify } from './index.ts'
import { createPair, own, PATIENCE_MS, type Pair } from './testing/pair.ts'

const SCHEMA = `CREATE COLLATION public.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE TABLE public.mixed (id int PRIMARY KEY, owner text, at timestamptz, day date, span interval, ratio float8,
    small real, bits bytea, note text, other text, price money);
  CREATE TABLE public.word (word text COLLATE "en-x-icu", part text COLLATE "C", owner text, PRIMARY KEY (word, part));
  CREATE TABLE public.person (name text COLLATE public.nocase PRIMARY KEY, owner text, note text);`
const ROWS = `INSERT INTO public.mixed SELECT n, 'u' || n, '2024-02-29 12:00:00.000001+00'::timestamptz + n * interval '1 day',
    '2024-01-31'::date - n, n * interval '1 day 3 minutes', 1 / n::float8, 1 / n::real, decode(md5(n::text), 'hex'),
    CASE WHEN n % 2 = 0 THEN NULL ELSE '' END, CASE WHEN n % 2 = 0 THEN '' ELSE NULL END, n FROM generate_series(1, 60) n;
  INSERT INTO public.word SELECT w, p, 'u1' FROM unnest(ARRAY['a', 'B', 'ä', 'Ä', 'z', 'Z', E'\\u0001', E'\\u0001\\u0001', 'a b', 'a-b', 'ab',
    E'e\\u0301', 'é', '☃', '😀', 'ﬀ', 'NULL', '', '"', '\\', ',', '{}', '()']) w, unnest(ARRAY['', E'\\u0001', 'x', 'X', '\\', '~', 'ÿ']) p;
  INSERT INTO public.person SELECT chr(64 + n) || 'ß' || n, 'u1', 'note' FROM generate_series(1, 26) n`
const tables = ['mixed', 'word', 'person'].map((name) => ({
  source: `public.${name}`,
  target: `public.${name}`,
  owner: 'owner',
}))

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

/** A server whose databases keep their text in another encoding. */
function inLatin1(): EmbeddedPostgres {
  const createDatabase = async (name: string) => {
    const pool = createPool(server.url(), { name: 'test', max: 1 })
    await pool.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`)
    await pool.end()
    return server.url(name)
  }
  return { createDatabase } as unknown as EmbeddedPostgres
}

const lines = (report: VerifyReport) =>
  report.divergences.map(({ table, key, kind, columns }) =>
    [table.replace('public.', ''), ...key, kind, ...columns].join(' '),
  )

describe('what verify must not call divergent', () => {
  let pair: Pair
  let forward: Link
  let reverse: Link
  async function set(options: { targetServer?: EmbeddedPostgres; rows?: string } = {}) {
    pair = await createPair(server, { source: SCHEMA, tables, ...options })
    await pair.source.query(options.rows ?? ROWS)
    forward = pair.link('forward')
    reverse = pair.link('reverse')
    await forward.prepare()
    await reverse.prepare()
    forward.start()
    reverse.start()
    await forward.copy()
  }
  beforeEach(() => () => pair.close())
  const options = () => ({ ...pair, forward, reverse, chunkRows: 7 })

  it('prints and orders rows alike whatever the databases and roles are set to', async () => {
    await set()
    const name = new URL(pair.targetUrl).pathname.slice(1)
    for (const setting of [
      `DateStyle = 'German'`,
      `TimeZone = 'Pacific/Chatham'`,
      'extra_float_digits = -15',
      `bytea_output = 'escape'`,
    ]) {
      await pair.target.query(`ALTER DATABASE ${name} SET ${setting}`)
    }
    await pair.target.query(
      `ALTER ROLE postgres IN DATABASE ${name} SET IntervalStyle = 'sql_standard'`,
    )
    const target = createPool(pair.targetUrl, { name: 'test' })
    const report = await verify({ ...options(), target })
    await target.end()
    expect(report).toMatchObject({ divergent: 0, settled: 0, rows: 60 + 23 * 7 + 26 })
  })

  it('compares text of two encodings by its characters', async () => {
    const rows = `INSERT INTO public.person SELECT 'ÄÖÜß' || n, 'ü' || n, 'é' FROM generate_series(1, 20) n`
    await set({ targetServer: inLatin1(), rows })
    expect(await verify(options())).toMatchObject({ divergent: 0, settled: 0, rows: 20 })
    await pair.target.query("UPDATE public.person SET note = 'è' WHERE name = 'ÄÖÜß7'")
    expect(lines(await verify(options()))).toEqual(['person ÄÖÜß7 changed note'])
  })

  it('finds what differs behind keys that sort otherwise, and empty against missing', async () => {
    await set()
    await pair.target.query(`DELETE FROM public.word WHERE word = E'\\u0001' AND part = E'\\u0001'`)
    await pair.target.query(`INSERT INTO public.word VALUES ('é ', '😀', 'u1')`)
    await pair.target.query('UPDATE public.mixed SET note = other, other = note WHERE id IN (3, 4)')
    await pair.target.query('UPDATE public.mixed SET note = NULL WHERE id = 5')
    const report = await verify(options())
    expect(lines(report).sort()).toEqual([
      'mixed 3 swapped note other',
      'mixed 4 swapped note other',
      'mixed 5 changed note',
      'word \u0001 \u0001 missing',
      'word é  😀 extra',
    ])
    for (const { table: name, key } of report.divergences) {
      const table = pair.tables.find((one) => one.spec.source === name)!
      await repairRow({ ...options(), table, key })
    }
    expect(lines(await verify(options()))).toEqual([])
  })

  it('looks again when a bucket was handed over between two looks at its row', async () => {
    await set()
    const held = await hold(pair.target, 'SELECT FROM public.mixed WHERE id = 7 FOR UPDATE')
    await pair.source.query("UPDATE public.mixed SET note = 'first' WHERE id = 7")
    let heldThere: (() => Promise<void>) | null = null
    // What the streams are waited for is the moment between the looks.
    const slowForward = probing(forward, async () => {
      await held()
      await forward.probe(PATIENCE_MS)
      await own(pair.source, 'closed')
      await own(pair.target, 'open')
      heldThere = await hold(pair.source, 'SELECT FROM public.mixed WHERE id = 7 FOR UPDATE')
      await pair.target.query("UPDATE public.mixed SET note = 'second' WHERE id = 7")
    })
    const slowReverse = probing(reverse, async () => {
      await heldThere!()
      await reverse.probe(PATIENCE_MS)
    })
    const report = await verify({ ...options(), forward: slowForward, reverse: slowReverse })
    expect(lines(report)).toEqual([])
    expect(report.settled).toBe(1)
  })

  it('waits for a handover that has closed one side and not yet opened the other', async () => {
    await set()
    await own(pair.source, 'closed')
    await own(pair.target, 'open')
    const held = await hold(pair.source, 'SELECT FROM public.mixed WHERE id = 7 FOR UPDATE')
    await pair.target.query("UPDATE public.mixed SET note = 'last' WHERE id = 7")
    await pair.target.query("UPDATE banyan.ownership SET state = 'closing', epoch = epoch + 1")
    let looks = 0
    const source = watching(pair.source, /banyan\.ownership/, async () => {
      // Far more looks than are taken before a row is held still.
      if (++looks !== 20) return
      await held()
      await reverse.probe(PATIENCE_MS)
      await pair.target.query("UPDATE banyan.ownership SET state = 'closed'")
      await own(pair.source, 'open')
    })
    expect(lines(await verify({ ...options(), source }))).toEqual([])
    expect(looks).toBeGreaterThanOrEqual(20)
  })

  it('shows one row on both sides, by a key written in any way', async () => {
    await set()
    const table = pair.tables[0]!
    await pair.target.query("UPDATE public.mixed SET note = 'wrong' WHERE id = 4")
    const wrong = await inspectRow({ ...options(), table, key: [' 4 '] })
    expect(wrong).toMatchObject({ key: ['4'], exists: true, owner: 'source' })
    expect(wrong.divergence).toMatchObject({ kind: 'changed', columns: ['note'] })
    expect(wrong.values).toEqual([{ column: 'note', owner: null, other: 'wrong' }])
    expect(await inspectRow({ ...options(), table, key: ['5'] })).toMatchObject({
      divergence: null,
      values: [],
    })
    expect(await inspectRow({ ...options(), table, key: ['-1'] })).toMatchObject({ exists: false })
    await expect(inspectRow({ ...options(), table, key: ['four'] })).rejects.toThrow(
      'the key of public.mixed is (id): invalid input syntax for type integer: "four"',
    )
    await expect(inspectRow({ ...options(), table, key: ['1', '2'] })).rejects.toThrow(
      'the key of public.mixed is (id), given 2 values',
    )
  })
})

/** Holds a lock until what it answers is called. */
async function hold(pool: Pool, text: string): Promise<() => Promise<void>> {
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query(text)
  return async () => {
    await client.query('ROLLBACK')
    client.release()
  }
}

/** A link whose first probe is something else. */
function probing(link: Link, first: () => Promise<void>): Link {
  let probes = 0
  const probe = async (ms: number) => {
    if (probes++ > 0) return link.probe(ms)
    await first()
    return 0
  }
  return { options: link.options, probe } as unknown as Link
}

/** A pool that calls before each statement that matches. */
function watching(pool: Pool, pattern: RegExp, before: () => Promise<void>): Pool {
  const query = async (...args: Parameters<Pool['query']>) => {
    const [first] = args as unknown as [string | { text: string }]
    if (pattern.test(typeof first === 'string' ? first : first.text)) await before()
    return pool.query(...args)
  }
  return { query, connect: () => pool.connect() } as unknown as Pool
}
