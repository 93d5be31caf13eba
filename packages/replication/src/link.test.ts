import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leftovers } from './index.ts'
import { contents, createPair, own, PATIENCE_MS, until } from './testing/pair.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

const ITEM = 'CREATE TABLE public.item (id bigint PRIMARY KEY, owner text, note text)'
const item = { source: 'public.item', target: 'public.item', owner: 'owner' }

describe('a link', () => {
  it('copies what is there and follows what comes', async () => {
    const pair = await createPair(server, { source: ITEM, tables: [item] })
    await pair.source.query(
      "INSERT INTO public.item SELECT n, 'u' || n % 7, 'note ' || n FROM generate_series(1, 5000) n",
    )
    const link = pair.link('forward')
    await link.prepare()
    await link.prepare()
    link.start()
    const report = await link.copy({ chunkRows: 700 })
    expect(report.rows).toBe(5000)
    await pair.source.query("UPDATE public.item SET note = 'changed' WHERE id % 10 = 0")
    await pair.source.query('DELETE FROM public.item WHERE id % 10 = 1')
    await pair.source.query("INSERT INTO public.item VALUES (9007199254740993, 'u1', NULL)")
    await pair.source.query('UPDATE public.item SET id = -id WHERE id BETWEEN 100 AND 120')
    await link.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.item')).toEqual(
      await contents(pair.source, 'public.item'),
    )
    const status = link.status()
    expect(status.state).toBe('streaming')
    expect(status.refusedRows).toBe(0)
    await until('a heartbeat was measured', () => link.status().lagMs !== null)
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('sees a barrier only once the other side has committed it', async () => {
    const pair = await createPair(server, { source: ITEM, tables: [item] })
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await link.copy()
    expect(await link.awaitBarrier('b1', 50)).toBe(false)
    const waiting = link.awaitBarrier('b1', 5000)
    const client = await pair.source.connect()
    await client.query('BEGIN')
    await client.query("INSERT INTO public.item VALUES (1, 'a', 'before the barrier')")
    await client.query(`SELECT banyan.flip(1, 'parcels', '{5}', '{open}', 'closing', 2, 'b1')`)
    await client.query('COMMIT')
    client.release()
    expect(await waiting).toBe(true)
    expect(await contents(pair.target, 'public.item', 't.note')).toEqual(['before the barrier'])
    expect(await link.awaitBarrier('b1', 50)).toBe(true)
    await pair.close()
  })

  it('that stops lets go of whoever waits for a barrier', async () => {
    const pair = await createPair(server, { source: ITEM, tables: [item] })
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    const waiting = link.awaitBarrier('never', 600_000)
    await link.probe(PATIENCE_MS)
    await link.stop()
    expect(await waiting).toBe(false)
    await pair.close()
  })

  it('leaves nothing behind when it is dropped, started or not', async () => {
    const pair = await createPair(server, { source: ITEM, tables: [item] })
    const forward = pair.link('forward')
    const reverse = pair.link('reverse')
    await forward.drop()
    await forward.prepare()
    await reverse.prepare()
    forward.start()
    await forward.copy()
    // Another engine's link, with the same token, drops while this one streams.
    await pair.link('forward').drop()
    await reverse.drop()
    await forward.drop()
    await forward.drop()
    for (const pool of [pair.source, pair.target]) {
      await pool.query("SELECT banyan.unregister('parcels')")
      await pool.query('DROP SCHEMA banyan CASCADE')
    }
    const ours = (await leftovers(pair.source)).concat(await leftovers(pair.target))
    expect(ours).toEqual([])
    await pair.close()
  })

  it('does not send back what its counterpart wrote', async () => {
    const pair = await createPair(server, { source: ITEM, tables: [item] })
    const forward = pair.link('forward')
    const reverse = pair.link('reverse')
    await forward.prepare()
    await reverse.prepare()
    forward.start()
    reverse.start()
    await forward.copy()
    await pair.source.query("INSERT INTO public.item VALUES (1, 'a', 'from the source')")
    await forward.probe(PATIENCE_MS)
    await own(pair.source, 'closed')
    await own(pair.target, 'open')
    await pair.target.query("INSERT INTO public.item VALUES (2, 'b', 'from the target')")
    await pair.target.query("UPDATE public.item SET note = 'changed there' WHERE id = 1")
    await reverse.probe(PATIENCE_MS)
    await forward.probe(PATIENCE_MS)
    await reverse.probe(PATIENCE_MS)
    expect(await contents(pair.source, 'public.item')).toEqual([
      '(1,a,"changed there")',
      '(2,b,"from the target")',
    ])
    expect(await contents(pair.target, 'public.item')).toEqual(
      await contents(pair.source, 'public.item'),
    )
    expect(forward.status().rows).toBe(1)
    expect(reverse.status().rows).toBe(2)
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('overwrites a row that stands where the stream inserts one', async () => {
    const pair = await createPair(server, { source: ITEM, tables: [item] })
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await link.copy()
    // As a repair leaves it that read the row before the stream came to it.
    await pair.target.query("INSERT INTO public.item VALUES (2, 'a', 'ahead')")
    await pair.source.query(
      "INSERT INTO public.item SELECT n, 'a', 'note ' || n FROM generate_series(1, 3) n",
    )
    await link.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.item')).toEqual(
      await contents(pair.source, 'public.item'),
    )
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('refuses and reports rows whose bucket is open on the side it writes', async () => {
    const pair = await createPair(server, { source: ITEM, tables: [item] })
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    await pair.source.query("INSERT INTO public.item VALUES (1, 'a', 'x'), (2, 'b', 'x')")
    await link.copy()
    await pair.target.query(
      "UPDATE banyan.ownership SET state = 'open' WHERE bucket = banyan.bucket('a')",
    )
    await pair.source.query("UPDATE public.item SET note = 'y'")
    await pair.source.query('DELETE FROM public.item')
    await pair.source.query("INSERT INTO public.item VALUES (3, 'a', 'z'), (4, 'b', 'z')")
    await link.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.item')).toEqual(['(1,a,x)', '(4,b,z)'])
    expect(link.status().refusedRows).toBeGreaterThanOrEqual(2)
    expect(pair.problems.map((problem) => problem.kind)).toContain('refused-rows')
    expect(link.status().state).toBe('streaming')
    await pair.close()
  })
})
