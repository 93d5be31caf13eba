import { BucketSet, bucketOf } from '@banyan/contracts'
import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Link, prepareBucketCheck, repairRow, verify } from './index.ts'
import {
  contents,
  createPair,
  own,
  PATIENCE_MS,
  type Pair,
  randomFrom,
  seed,
} from './testing/pair.ts'

const SCHEMA = `CREATE TABLE public.item (id int PRIMARY KEY, owner text, a text, b text, n numeric);
  CREATE TABLE public.tag ("Name" text COLLATE "en-x-icu" PRIMARY KEY, owner text, hits int)`
const tables = [
  { source: 'public.item', target: 'public.item', owner: 'owner' },
  { source: 'public.tag', target: 'public.tag', owner: 'owner' },
]
const ROWS = 3000

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

describe('verify', () => {
  let pair: Pair
  let forward: Link
  let reverse: Link
  beforeEach(async () => {
    pair = await createPair(server, { source: SCHEMA, tables })
    await pair.source.query(
      `INSERT INTO public.item SELECT n, 'u' || n % 50, 'a' || n, 'b' || n, n / 7.0 FROM generate_series(1, ${ROWS}) n`,
    )
    await pair.source.query(
      `INSERT INTO public.tag SELECT chr(65 + n % 26) || chr(97 + n % 7) || '-' || n, 'u' || n % 50, n FROM generate_series(1, 500) n`,
    )
    forward = pair.link('forward')
    reverse = pair.link('reverse')
    await forward.prepare()
    await reverse.prepare()
    forward.start()
    reverse.start()
    await forward.copy()
    return () => pair.close()
  })
  const options = () => ({ ...pair, forward, reverse, chunkRows: 400 })

  /** Random small writes, as an application makes them, until stopped. */
  function load(pool: Pair['source'], name: string) {
    const random = randomFrom(seed(name))
    let going = true
    const done = (async () => {
      let next = 1_000_000
      while (going) {
        const id = 1 + Math.floor(random() * ROWS)
        const pick = random()
        if (pick < 0.2) {
          await pool.query('INSERT INTO public.item VALUES ($1, $2, $3)', [next++, 'u1', 'new'])
        } else if (pick < 0.3) {
          await pool.query('DELETE FROM public.item WHERE id = $1', [next - 1])
        } else if (pick < 0.4) {
          // A row that never stands still.
          await pool.query('UPDATE public.item SET n = n + 1 WHERE id = 1')
        } else if (pick < 0.5) {
          await pool.query('UPDATE public.tag SET hits = hits + 1 WHERE hits % 500 = $1', [
            id % 500,
          ])
        } else {
          await pool.query('UPDATE public.item SET b = $2 WHERE id = $1 AND id % 100 <> 7', [
            id,
            `${random()}`,
          ])
        }
      }
    })()
    return async () => {
      going = false
      await done
    }
  }

  it('finds every kind of fault under load, and nothing else', async () => {
    const stop = load(pair.source, 'verify under load')
    await pair.target.query("UPDATE public.item SET a = 'wrong' WHERE id = 107")
    await pair.target.query('DELETE FROM public.item WHERE id = 207')
    await pair.target.query("INSERT INTO public.item VALUES (-5, 'u3', 'extra', 'x', 1)")
    await pair.target.query('UPDATE public.item SET a = b, b = a WHERE id = 307')
    await pair.target.query("INSERT INTO public.item VALUES (5000000, 'u4', 'rogue', 'x', 1)")
    await pair.target.query(`INSERT INTO public.tag VALUES ('zz-rogue', 'u4', 1)`)
    const report = await verify(options())
    await stop()
    const found = report.divergences.map(({ table, key, kind, columns }) =>
      [table, ...key, kind, ...columns].join(' '),
    )
    expect(found.sort()).toEqual([
      'public.item -5 extra',
      'public.item 107 changed a',
      'public.item 207 missing',
      'public.item 307 swapped a b',
      'public.item 5000000 extra',
      'public.tag zz-rogue extra',
    ])
    expect(report.divergent).toBe(6)
    for (const { table, key } of report.divergences) {
      const resolved = pair.tables.find((one) => one.spec.source === table)!
      const kind = await repairRow({ ...options(), table: resolved, key })
      expect(['written', 'deleted']).toContain(kind)
    }
    const again = await verify(options())
    expect(again.divergences).toEqual([])
    expect(again.rows).toBeGreaterThanOrEqual(ROWS)
  })

  it('takes the side that owns a row as right after a handover', async () => {
    await own(pair.source, 'closed')
    await own(pair.target, 'open')
    const stop = load(pair.target, 'verify after a handover')
    await pair.source.query("UPDATE public.item SET a = 'stale' WHERE id = 107")
    await pair.source.query('DELETE FROM public.item WHERE id = 207')
    const report = await verify(options())
    await stop()
    expect(report.divergences.map(({ key, kind }) => `${key} ${kind}`)).toEqual([
      '107 changed',
      '207 missing',
    ])
    for (const { key } of report.divergences) {
      expect(await repairRow({ ...options(), table: pair.tables[0]!, key })).toBe('written')
    }
    await reverse.probe(PATIENCE_MS)
    expect(await contents(pair.source, 'public.item')).toEqual(
      await contents(pair.target, 'public.item'),
    )
  })

  it('compares the rows of some buckets exactly, within a deadline', async () => {
    const buckets = BucketSet.of([bucketOf('u1'), bucketOf('u2')])
    const options = { ...pair, buckets, mostRows: ROWS, withinMs: 5000 }
    const check = (await prepareBucketCheck(options))!
    expect(check.rows).toBe(2 * (ROWS / 50 + 10))
    expect(await check.run(5000)).toMatchObject({ outcome: 'equal', rows: check.rows })
    await pair.target.query("UPDATE public.item SET n = n + 1 WHERE owner = 'u3'")
    expect(await check.run(5000)).toMatchObject({ outcome: 'equal' })
    await pair.target.query('UPDATE public.item SET n = n + 1 WHERE id = 1')
    expect(await check.run(5000)).toMatchObject({ outcome: 'different', tables: ['public.item'] })
    const held = await pair.target.connect()
    await held.query('BEGIN')
    await held.query('LOCK TABLE public.item')
    expect(await check.run(50)).toMatchObject({ outcome: 'timeout' })
    await held.query('ROLLBACK')
    held.release()
    expect(await prepareBucketCheck({ ...options, mostRows: check.rows - 1 })).toBeNull()
  })
})
