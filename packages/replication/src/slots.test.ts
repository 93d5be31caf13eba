import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contents, createPair, own, PATIENCE_MS, until } from './testing/pair.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

const ITEM = 'CREATE TABLE public.item (id int PRIMARY KEY, owner text, note text)'
const tables = [{ source: 'public.item', target: 'public.item', owner: 'owner' }]

async function slot(pool: Pool, stream: string) {
  const { rows } = await pool.query<{ confirmed: string; behind: number }>(
    `SELECT confirmed_flush_lsn::text AS confirmed,
            pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::float8 AS behind
       FROM pg_replication_slots WHERE slot_name = $1`,
    [`banyan_parcels_${stream}`],
  )
  return rows[0]!
}

describe('a slot', () => {
  it.each(['forward', 'reverse'] as const)(
    'moves on beside a busy table that is not moved, though nothing is written to ours: %s',
    async (stream) => {
      const pair = await createPair(server, { source: ITEM, tables })
      const link = pair.link(stream)
      const from = stream === 'forward' ? pair.source : pair.target
      await link.prepare()
      link.start()
      await link.probe(PATIENCE_MS)
      await from.query('CREATE TABLE public.noise (t text)')
      for (let i = 0; i < 3; i++) {
        await from.query(
          'INSERT INTO public.noise SELECT repeat(md5(n::text), 20) FROM generate_series(1, 5000) n',
        )
        const { rows } = await from.query('SELECT pg_current_wal_lsn()::text AS lsn')
        await until('it was confirmed past the noise', async () => {
          const passed = 'SELECT $1::pg_lsn >= $2::pg_lsn AS passed'
          const { confirmed } = await slot(from, stream)
          return (await from.query(passed, [confirmed, rows[0].lsn])).rows[0].passed
        })
      }
      expect(link.status().rows).toBe(0)
      await pair.close()
    },
  )

  it('holds each transaction once, when the link begins again at the end of every one', async () => {
    const pair = await createPair(server, { source: ITEM, tables })
    const first = pair.link('forward')
    await first.prepare()
    first.start()
    await first.copy()
    await first.close()
    // Counts each write: one applied twice would show, though it changes nothing.
    await pair.target.query(`
      CREATE TABLE public.writes (id int);
      CREATE FUNCTION public.count_write() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.writes VALUES (NEW.id); RETURN NEW; END $$;
      CREATE TRIGGER counted AFTER INSERT OR UPDATE ON public.item FOR EACH ROW EXECUTE FUNCTION public.count_write();
      ALTER TABLE public.item ENABLE ALWAYS TRIGGER counted`)
    for (let id = 1; id <= 8; id++) {
      const link = pair.link('forward')
      link.start()
      await pair.source.query("INSERT INTO public.item VALUES ($1, 'u', 'x')", [id])
      await until('it is there', async () => {
        const { rowCount } = await pair.target.query('SELECT 1 FROM public.item WHERE id = $1', [
          id,
        ])
        return rowCount === 1
      })
      await link.close()
      // The server never holds more for confirmed than what is stored.
      const { rows } = await pair.target.query('SELECT position::text AS lsn FROM banyan.progress')
      const { confirmed } = await slot(pair.source, 'forward')
      const behind = 'SELECT $1::pg_lsn <= $2::pg_lsn AS behind'
      expect((await pair.source.query(behind, [confirmed, rows[0].lsn])).rows).toEqual([
        { behind: true },
      ])
    }
    expect(await contents(pair.target, 'public.writes', 't.id')).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    await pair.close()
  })

  it('tells how much log is kept for it, and for whose transaction', async () => {
    const pair = await createPair(server, { source: ITEM, tables })
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    const idle = createPool(pair.sourceUrl, { name: 'forgotten', max: 1 })
    const client = await idle.connect()
    await client.query("BEGIN; INSERT INTO public.item VALUES (1, 'u', 'x')")
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
    const words = await until('it is told', () => link.status().keptFor)
    expect(words).toMatch(
      new RegExp(
        `^session ${rows[0].pid} of postgres, idle in transaction, its transaction open for \\d+ s$`,
      ),
    )
    expect(link.status().keptBytes).toBeGreaterThan(0)
    await client.query('COMMIT')
    client.release()
    await until('it is over', () => link.status().keptFor === null)
    await idle.end()
    await pair.close()
  })
})

it('a table that is published while transactions run loses none of their rows', async () => {
  const pair = await createPair(server, { source: ITEM, tables })
  const writer = await pair.source.connect()
  await writer.query("BEGIN; INSERT INTO public.item VALUES (1, 'u', 'before')")
  const link = pair.link('forward')
  let prepared = false
  const preparing = link.prepare().then(() => {
    prepared = true
  })
  await until('the slot waits for it', async () => {
    const { rowCount } = await pair.source.query(
      "SELECT 1 FROM pg_publication WHERE pubname = 'banyan_parcels_forward'",
    )
    return rowCount === 1
  })
  await writer.query("INSERT INTO public.item VALUES (2, 'u', 'while the slot is made')")
  expect(prepared).toBe(false)
  await writer.query('COMMIT')
  writer.release()
  await preparing
  link.start()
  await link.copy()
  await own(pair.target, 'closed')
  await link.probe(PATIENCE_MS)
  expect(await contents(pair.target, 'public.item')).toHaveLength(2)
  await pair.close()
})
