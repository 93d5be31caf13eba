import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { raiseToken } from './index.ts'
import {
  contents,
  createPair,
  EXTRACTION,
  own,
  PATIENCE_MS,
  type Pair,
  randomFrom,
  seed,
  until,
} from './testing/pair.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start({ settings: { max_slot_wal_keep_size: '48MB' } })
})
afterAll(() => server.stop())

const ITEM = 'CREATE TABLE public.item (id int PRIMARY KEY, owner text, note text)'
const tables = [{ source: 'public.item', target: 'public.item', owner: 'owner' }]

async function streaming(pair: Pair) {
  const link = pair.link('forward')
  await link.prepare()
  link.start()
  await pair.source.query(
    "INSERT INTO public.item SELECT n, 'u' || n, 'x' FROM generate_series(1, 20) n",
  )
  await link.copy()
  return link
}

const kinds = (pair: Pair) => pair.problems.map((problem) => problem.kind)

describe('a stream stops, says why and applies nothing more', () => {
  const CHANGES = [
    ['a column is added', 'ALTER TABLE public.item ADD more int', /"more" is new/],
    ['a type is changed', 'ALTER TABLE public.item ALTER owner TYPE varchar(9)', /"owner"/],
    ['a column is dropped', 'ALTER TABLE public.item DROP note', /"note" is gone/],
    ['a column is renamed', 'ALTER TABLE public.item RENAME note TO memo', /"memo" is new/],
    ['the table is renamed', 'ALTER TABLE public.item RENAME TO things', /is now public.things/],
    ['the table is dropped', 'DROP TABLE public.item', /it was dropped/],
  ] as const
  it.each([
    ...CHANGES.map((change) => ['source', ...change] as const),
    ...CHANGES.map((change) => ['target', ...change] as const),
    [
      'source',
      'it is unpublished',
      'ALTER PUBLICATION banyan_parcels_forward DROP TABLE public.item',
      /no longer in publication/,
    ] as const,
  ])('when on the %s %s, though nobody writes', async (side, _, ddl, message) => {
    const pair = await createPair(server, { source: ITEM, tables })
    const link = await streaming(pair)
    await pair[side].query(ddl)
    await until('the link is broken', () => link.status().state === 'broken')
    expect(kinds(pair)).toEqual(['ddl'])
    expect(pair.problems[0]!.message).toMatch(message)
    await pair.close()
  })

  it('when a table changed and was written in the same breath', async () => {
    const pair = await createPair(server, { source: ITEM, tables })
    const link = await streaming(pair)
    await pair.source.query(
      "ALTER TABLE public.item ADD more int; INSERT INTO public.item VALUES (99, 'u', 'x', 1)",
    )
    await until('the link is broken', () => link.status().state === 'broken')
    expect(kinds(pair)).toEqual(['ddl'])
    expect(await contents(pair.target, 'public.item', 't.id')).not.toContain(99)
    await pair.close()
  })

  it('when a table was truncated', async () => {
    const pair = await createPair(server, { source: ITEM, tables })
    const link = await streaming(pair)
    await pair.source.query('TRUNCATE public.item')
    await until('the link is broken', () => link.status().state === 'broken')
    expect(kinds(pair)).toEqual(['truncate'])
    expect(await contents(pair.target, 'public.item')).toHaveLength(20)
    await pair.close()
  })

  it('when its slot is gone, made anew, or ahead of what was applied', async () => {
    const pair = await createPair(server, { source: ITEM, tables })
    const link = await streaming(pair)
    await link.stop()
    await pair.source.query("SELECT pg_drop_replication_slot('banyan_parcels_forward')")
    await link.prepare()
    link.start()
    await until('the link is broken', () => link.status().state === 'broken')
    await link.stop()
    await pair.source.query("INSERT INTO public.item VALUES (99, 'u', 'between')")
    await pair.source.query(
      "SELECT pg_create_logical_replication_slot('banyan_parcels_forward', 'pgoutput')",
    )
    link.start()
    await until('the link is broken again', () => link.status().state === 'broken')
    expect(kinds(pair)).toEqual(['slot-lost', 'slot-lost'])
    // The way out: everything again.
    await link.drop()
    await link.prepare()
    link.start()
    await link.copy()
    await link.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.item')).toEqual(
      await contents(pair.source, 'public.item'),
    )
    await pair.close()
  })

  it('when the server kept too little log for its slot', async () => {
    const pair = await createPair(server, { source: ITEM, tables })
    const link = await streaming(pair)
    await link.stop()
    await pair.source.query('CREATE TABLE public.noise (t text)')
    await until('the slot is lost', async () => {
      await pair.source.query(
        'INSERT INTO public.noise SELECT repeat(md5(n::text), 30) FROM generate_series(1, 20000) n',
      )
      await pair.source.query('SELECT pg_switch_wal()')
      await pair.source.query('CHECKPOINT')
      const { rows } = await pair.source.query(
        "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'banyan_parcels_forward'",
      )
      return rows[0].wal_status === 'lost'
    })
    link.start()
    await until('the link is broken', () => link.status().state === 'broken')
    expect(kinds(pair)).toEqual(['slot-lost'])
    await pair.close()
  })

  it('when a younger engine has raised the token', async () => {
    const pair = await createPair(server, { source: ITEM, tables })
    const link = await streaming(pair)
    // Only the number: the session lives on, as that of a paused engine would.
    await pair.target.query('SELECT banyan.raise_token($1, 7)', [EXTRACTION])
    await pair.source.query("INSERT INTO public.item VALUES (99, 'u', 'late')")
    await until('the link is broken', () => link.status().state === 'broken')
    expect(kinds(pair)).toEqual(['stale-token'])
    expect(await contents(pair.target, 'public.item')).toHaveLength(20)
    await expect(link.drop()).rejects.toThrow('token')
    await expect(pair.link('forward').prepare()).rejects.toThrow('token')
    await raiseToken(pair.source, EXTRACTION, 7n)
    const young = pair.link('forward', { token: 7n })
    young.start()
    await young.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.item')).toHaveLength(21)
    await young.drop()
    await pair.close()
  })
})

describe('a stream goes on', () => {
  it('from the stored position when somebody moved it', async () => {
    const pair = await createPair(server, { source: ITEM, tables })
    const link = await streaming(pair)
    await pair.target.query(
      'UPDATE banyan.progress SET position = position + 0::numeric, token = token',
    )
    const { rows } = await pair.source.query('SELECT pg_current_wal_lsn()::text AS lsn')
    await pair.target.query('UPDATE banyan.progress SET position = $1', [rows[0].lsn])
    await pair.source.query("INSERT INTO public.item VALUES (99, 'u', 'after')")
    await until(
      'it arrives',
      async () => (await contents(pair.target, 'public.item')).length === 21,
    )
    expect(link.status().state).toBe('streaming')
    await pair.close()
  })

  it('with every transaction whole, also one larger than what it holds in memory', async () => {
    const pair = await createPair(server, { source: ITEM, tables })
    const link = await streaming(pair)
    let seen = 0
    let going = true
    const watching = (async () => {
      while (going) {
        const { rows } = await pair.target.query(
          'SELECT count(*)::int AS n FROM public.item WHERE id > 20',
        )
        seen = rows[0].n
        expect([0, 60_000]).toContain(seen)
      }
    })()
    await pair.source.query(
      "INSERT INTO public.item SELECT n, 'u' || n % 9, repeat('wide', 150) FROM generate_series(21, 60020) n",
    )
    await until('all of it is there', () => seen === 60_000)
    going = false
    await watching
    await link.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.item')).toEqual(
      await contents(pair.source, 'public.item'),
    )
    await pair.close()
  })

  it('both ways at once, each side writing its own buckets, and nothing loops', async () => {
    const value = seed('both ways')
    const pair = await createPair(server, { source: ITEM, tables })
    const forward = await streaming(pair)
    const reverse = pair.link('reverse')
    await reverse.prepare()
    reverse.start()
    // The target owns the buckets of even users.
    const owners = Array.from({ length: 40 }, (_, i) => `o${i}`)
    const { rows } = await pair.source.query<{ owner: string; mine: boolean }>(
      'SELECT o AS owner, banyan.bucket(o) % 2 = 0 AS mine FROM unnest($1::text[]) o',
      [owners],
    )
    await own(pair.target, 'closed')
    await pair.target.query("UPDATE banyan.ownership SET state = 'open' WHERE bucket % 2 = 0")
    await pair.source.query("UPDATE banyan.ownership SET state = 'closed' WHERE bucket % 2 = 0")
    await forward.probe(PATIENCE_MS)
    const before = { forward: forward.status().rows, reverse: reverse.status().rows }
    const write = async (pool: Pair['source'], mine: boolean, random: () => number) => {
      const users = rows.filter((row) => row.mine === mine).map((row) => row.owner)
      let next = mine ? 1_000_000 : 2_000_000
      let changes = 0
      for (let i = 0; i < 300; i++) {
        const user = users[Math.floor(random() * users.length)]
        const pick = random()
        const result =
          pick < 0.5
            ? await pool.query('INSERT INTO public.item VALUES ($1, $2, $3)', [next++, user, 'new'])
            : pick < 0.9
              ? await pool.query('UPDATE public.item SET note = $2 WHERE owner = $1', [
                  user,
                  `${random()}`,
                ])
              : await pool.query(
                  'DELETE FROM public.item WHERE id = (SELECT min(id) FROM public.item WHERE owner = $1)',
                  [user],
                )
        changes += result.rowCount ?? 0
      }
      return changes
    }
    const [there, back] = await Promise.all([
      write(pair.source, false, randomFrom(value)),
      write(pair.target, true, randomFrom(value + 1)),
    ])
    await forward.probe(PATIENCE_MS)
    await reverse.probe(PATIENCE_MS)
    await forward.probe(PATIENCE_MS)
    expect(await contents(pair.target, 'public.item')).toEqual(
      await contents(pair.source, 'public.item'),
    )
    expect(forward.status().rows - before.forward).toBeLessThanOrEqual(there)
    expect(reverse.status().rows - before.reverse).toBeLessThanOrEqual(back)
    expect(pair.problems).toEqual([])
    await pair.close()
  })
})
