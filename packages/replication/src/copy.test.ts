import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { settleEarlier } from './copier.ts'
import { CopyWatch } from './copy-watch.ts'
import { type CopyProgress, raiseToken } from './index.ts'
import {
  contents,
  createPair,
  EXTRACTION,
  PATIENCE_MS,
  type Pair,
  randomFrom,
  seed,
  until,
} from './testing/pair.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start({ settings: { max_prepared_transactions: 4 } })
})
afterAll(() => server.stop())

const PARCEL = `
  CREATE TABLE public.parcel (id int PRIMARY KEY, owner text, code int UNIQUE, n int NOT NULL DEFAULT 0, body text);
  ALTER TABLE public.parcel ALTER body SET STORAGE EXTERNAL`
const tables = [{ source: 'public.parcel', target: 'public.parcel', owner: 'owner' }]
const HASHED =
  "t.id || ' ' || t.owner || ' ' || t.code || ' ' || t.n || ' ' || coalesce(md5(t.body), '-')"

async function filled(rows: number, on = server): Promise<Pair> {
  const pair = await createPair(on, { source: PARCEL, tables })
  await pair.source.query(
    `INSERT INTO public.parcel SELECT n, 'u' || n % 20, n, 0,
       CASE WHEN n % 5 = 0 THEN repeat('body' || n, 1000) ELSE 'short' END FROM generate_series(1, ${rows}) n`,
  )
  return pair
}

async function expectEqual(pair: Pair): Promise<void> {
  const there = await contents(pair.target, 'public.parcel', HASHED)
  expect(there).toEqual(await contents(pair.source, 'public.parcel', HASHED))
}

/** Writes at random, in transactions of a few statements, until `going` says no. */
async function write(pool: Pool, random: () => number, rows: number, going: () => boolean) {
  let done = 0
  let code = -1 - Math.floor(random() * 1e6) * 1000
  const some = () => 1 + Math.floor(random() * rows * 1.5)
  while (going()) {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      for (let i = 0; i < 1 + random() * 3; i++) {
        const id = some()
        const pick = random()
        if (pick < 0.2) await client.query('DELETE FROM public.parcel WHERE id = $1', [id])
        else if (pick < 0.4) {
          await client.query(
            `INSERT INTO public.parcel VALUES ($1, 'u' || $1 % 20, $2, 1, repeat('new', $3)) ON CONFLICT DO NOTHING`,
            [id, code--, Math.floor(random() * 2000)],
          )
        } else if (pick < 0.6) {
          // Moves a row across the boundary of what is copied, with a body that does not travel.
          await client.query(
            `UPDATE public.parcel SET id = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM public.parcel WHERE id = $2)`,
            [id, some()],
          )
        } else if (pick < 0.7) {
          await client.query('UPDATE public.parcel SET body = $2 WHERE id = $1', [
            id,
            'changed'.repeat(Math.floor(random() * 800)),
          ])
        } else if (pick < 0.8) {
          await client.query('UPDATE public.parcel SET code = -code - $2 WHERE id = $1', [
            id,
            some(),
          ])
        } else await client.query('UPDATE public.parcel SET n = n + 1 WHERE id = $1', [id])
      }
      await client.query(random() < 0.9 ? 'COMMIT' : 'ROLLBACK')
      done++
    } catch (error) {
      // Writers contend for a unique value, as they do; a dead connection ends the loop.
      await client.query('ROLLBACK')
      if (!['23505', '40P01', '40001'].includes((error as { code: string }).code)) throw error
    } finally {
      client.release()
    }
  }
  return done
}

describe('a copy', () => {
  it('ends equal to a source that is written at random meanwhile', async () => {
    const value = seed('copy under load')
    const pair = await filled(4000)
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    let going = true
    const writers = [1, 2, 3].map((n) =>
      write(pair.source, randomFrom(value + n), 4000, () => going),
    )
    const report = await link.copy({ chunkRows: 150 })
    await until('more was streamed', () => link.status().rows > 500)
    going = false
    await Promise.all(writers)
    await link.probe(PATIENCE_MS)
    await expectEqual(pair)
    expect(report.chunks).toBeGreaterThan(5)
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('goes on where it was when the server is killed in the middle', async () => {
    const own = await EmbeddedPostgres.start()
    const pair = await filled(3000, own)
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    let chunks = 0
    let killed: Promise<void> | undefined
    const report = link.copy({
      chunkRows: 100,
      onProgress() {
        if (++chunks === 8) killed = own.kill().then(() => own.start())
      },
    })
    await report
    await killed
    await pair.source.query('UPDATE public.parcel SET n = 5 WHERE id < 50')
    await link.probe(PATIENCE_MS)
    await expectEqual(pair)
    expect((await report).rows).toBeLessThanOrEqual(3000)
    expect(pair.problems).toEqual([])
    await pair.close()
    await own.stop()
  })

  it('is taken over in the middle by a younger engine, and the older one is stopped', async () => {
    const pair = await filled(3000)
    const old = pair.link('forward')
    await old.prepare()
    old.start()
    const young = pair.link('forward', { token: 2n })
    let chunks = 0
    const abandoned = old.copy({
      chunkRows: 100,
      limit: () => 5_000,
      onProgress() {
        chunks++
      },
    })
    abandoned.catch(() => {})
    await until('some chunks were merged', () => chunks > 5)
    await raiseToken(pair.source, EXTRACTION, 2n)
    await raiseToken(pair.target, EXTRACTION, 2n)
    young.start()
    const report = await young.copy({ chunkRows: 100 })
    await expect(abandoned).rejects.toThrow()
    await until('the old link gave up', () => old.status().state === 'broken')
    expect(pair.problems.map((problem) => problem.kind)).toEqual(['stale-token'])
    expect(report.rows).toBeLessThan(3000)
    await pair.source.query('DELETE FROM public.parcel WHERE id % 3 = 0')
    await young.probe(PATIENCE_MS)
    await expectEqual(pair)
    await pair.close()
  })

  // A commit that waits for a synchronous standby stands in the log, but nobody sees it yet.
  it.each([
    ['by the same link', false],
    ['by an earlier link', true],
  ])('is not misled by a change that was applied before it was visible, %s', async (_, restart) => {
    const own = await EmbeddedPostgres.start({
      settings: { synchronous_standby_names: 'nobody', synchronous_commit: 'local' },
    })
    const pair = await createPair(own, { source: PARCEL, tables, targetServer: server })
    await pair.source.query(
      `INSERT INTO public.parcel SELECT n, 'u', n, 0, 'short' FROM generate_series(1, 1000) n`,
    )
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    const waiter = createPool(pair.sourceUrl, { name: 'waiter' })
    const client = await waiter.connect()
    await client.query('SET synchronous_commit = on')
    const update = client.query(
      "UPDATE public.parcel SET n = 77 WHERE id <= 10; INSERT INTO public.parcel VALUES (-1, 'u', -1, 0, 'x')",
    )
    await until('it was applied', () =>
      contents(pair.target, 'public.parcel').then((rows) => rows.length === 11),
    )
    expect(await contents(pair.source, 'public.parcel', 't.n::text')).not.toContain('77')
    if (restart) await link.stop()
    const copier = restart ? pair.link('forward') : link
    copier.start()
    let chunks = 0
    const copied = copier.copy({ chunkRows: 100, onProgress: () => chunks++ })
    await until('heartbeats go on', () => copier.status().recentLagMs.length > 5)
    expect(chunks).toBe(0)
    // A cancelled wait leaves the commit as it is, and lets it be seen.
    await pair.source.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'waiter'",
    )
    const report = await copied
    expect(report.retaken > 0).toBe(!restart)
    await update
    await copier.probe(PATIENCE_MS)
    await expectEqual(pair)
    client.release()
    await waiter.end()
    await pair.close()
    await own.stop()
  })

  it('waits for a commit that is not visible though no transaction began after it', async () => {
    const own = await EmbeddedPostgres.start({
      settings: { synchronous_standby_names: 'nobody', synchronous_commit: 'local' },
    })
    const pool = createPool(own.url(), { name: 'waiter' })
    await pool.query('CREATE TABLE public.item (id int)')
    const waiter = await pool.connect()
    await waiter.query('SET synchronous_commit = on')
    const insert = waiter.query('INSERT INTO public.item VALUES (1)')
    await until('it waits for the standby', async () => {
      const { rowCount } = await pool.query(
        "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
      )
      return rowCount === 1
    })
    let settled = false
    const settling = settleEarlier(pool, new CopyWatch('test'), undefined).then(() => {
      settled = true
    })
    for (let i = 0; i < 20; i++) await pool.query('SELECT 1')
    expect(settled).toBe(false)
    await pool.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
    )
    await settling
    await insert
    waiter.release()
    await pool.end()
    await own.stop()
  })
})

describe('a throttled copy', () => {
  const WIDTHS = { narrow: 5, middle: 400, wide: 4000 }
  const all = Object.keys(WIDTHS).map((name) => ({
    source: `public.${name}`,
    target: `public.${name}`,
    owner: 'owner',
  }))
  const schema = Object.keys(WIDTHS)
    .map((name) => `CREATE TABLE public.${name} (id int PRIMARY KEY, owner text, body text);`)
    .join('')

  // That the time is right: copy-clock.test.ts, on a clock of its own.
  it('says from a tenth on how much there is and when it will end, over tables nobody analyzed', async () => {
    const pair = await createPair(server, { source: schema, tables: all })
    for (const [name, width] of Object.entries(WIDTHS)) {
      await pair.source.query(
        `INSERT INTO public.${name} SELECT n, 'u', repeat('x', ${width}) FROM generate_series(1, 3000) n`,
      )
    }
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    const seen: CopyProgress[] = []
    await link.copy({ limit: () => 3_000, onProgress: (progress) => seen.push(progress) })
    const points = seen.filter(({ totalRows }) => totalRows >= 900 && totalRows < 9_000)
    expect(points.length).toBeGreaterThan(5)
    for (const { totalEstimatedRows, etaMs } of points) {
      expect(Math.abs(totalEstimatedRows - 9_000)).toBeLessThan(450)
      expect(etaMs).toBeGreaterThan(0)
    }
    expect(seen.at(-1)!.etaMs).toBe(0)
    await pair.close()
  })

  it('stands still at a limit of 0 and goes on when it is lifted', async () => {
    const pair = await filled(2_000)
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    let limit = 0
    let asked = 0
    const copying = link.copy({
      limit: () => {
        asked++
        return limit
      },
    })
    await until('the copy has asked often', () => asked > 10)
    expect(await contents(pair.target, 'public.parcel', HASHED)).toEqual([])
    limit = Number.POSITIVE_INFINITY
    await copying
    await expectEqual(pair)
    await pair.close()
  })
})
