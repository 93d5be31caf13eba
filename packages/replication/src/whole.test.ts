import { bucketOf } from '@banyan/contracts'
import { createPool, EmbeddedPostgres, type Pool, type Queryable } from '@banyan/postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { installSide, raiseToken } from './index.ts'
import { flipper } from './testing/flipper.ts'
import { until } from './testing/pair.ts'

let server: EmbeddedPostgres
let pool: Pool
let flip: ReturnType<typeof flipper>
let database = 0

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

beforeEach(async () => {
  pool = createPool(await server.createDatabase(`whole_${++database}`), { name: 'application' })
  await pool.query('CREATE TABLE public.item (id int PRIMARY KEY, "User" text, note text)')
  await installSide(pool)
  await pool.query(`SELECT banyan.register('x', 'source')`)
  await pool.query(`SELECT banyan.guard('x', 'public.item', 'User')`)
  await raiseToken(pool, 'x', 5n)
  flip = flipper(pool, 'x', 5)
  return () => pool.end()
})

/** Whether the guards here go by one look at the whole extraction. */
async function short(): Promise<boolean> {
  const { rows } = await pool.query(`SELECT pg_sequence_last_value('banyan.whole_1') AS since`)
  return rows[0].since !== null
}

const noteWhole = async (db: Queryable = pool) =>
  (await db.query<{ noted: boolean }>(`SELECT banyan.note_whole('x') AS noted`)).rows[0]!.noted

describe('a side that owns every bucket', () => {
  /** Closes ann's bucket and opens it again. */
  async function thereAndBack(epoch: number) {
    await flip('ann', 'open', 'closing', { epoch })
    await flip('ann', 'closing', 'open', { epoch: epoch + 1 })
  }

  it('is known by one look, and a writer holds one lock, for all its owners', async () => {
    const writer = await pool.connect()
    await writer.query('BEGIN')
    await writer.query(`INSERT INTO public.item VALUES (1, 'ann'), (2, 'bob'), (3, 'carl')`)
    const { rows } = await pool.query(
      `SELECT objid::int, mode FROM pg_locks WHERE locktype = 'advisory'`,
    )
    expect(rows).toEqual([{ objid: 16, mode: 'ShareLock' }])
    for (const owner of ['ann', 'dora']) {
      const refused = flip(owner, 'open', 'closing', { epoch: 2, timeoutMs: 50 })
      await expect(refused).rejects.toMatchObject({ code: '57014' })
    }
    await writer.query('ROLLBACK')
    writer.release()
  })

  it('is a source from the start, a target never before it was opened', async () => {
    expect(await short()).toBe(true)
    await pool.query(`SELECT banyan.register('y', 'target')`)
    const { rows } = await pool.query(
      `SELECT pg_sequence_last_value('banyan.whole_2') AS since, banyan.note_whole('y') AS noted`,
    )
    expect(rows).toEqual([{ since: null, noted: false }])
  })

  it('is not known any more from a flip on, until it is noted that every bucket is open again', async () => {
    await flip('ann', 'open', 'closing', { epoch: 2 })
    expect(await short()).toBe(false)
    expect(await noteWhole()).toBe(false)
    await flip('ann', 'closing', 'open', { epoch: 3 })
    expect(await short()).toBe(false)
    expect(await noteWhole()).toBe(true)
    expect(await short()).toBe(true)
    // Installed again, as every engine does that takes over, nothing changes.
    await pool.query(`SELECT banyan.register('x', 'source')`)
    await pool.query(`DELETE FROM banyan.ownership WHERE bucket = 5`)
    expect(await short()).toBe(false)
    expect(await noteWhole()).toBe(false)
  })

  it('is noted neither while a flip is under way nor by whoever made one, nor in an old snapshot', async () => {
    const flipping = await pool.connect()
    await flip('ann', 'open', 'closing', { epoch: 2 })
    await flipping.query('BEGIN')
    const bucket = bucketOf('ann')
    const open = `SELECT banyan.flip(5, 'x', '{${bucket}}', '{closing}', 'open', 3, NULL)`
    await flipping.query(open)
    expect(await noteWhole(flipping)).toBe(false)
    const noted = noteWhole()
    await until('it waits for the flip', () =>
      exists(`SELECT FROM pg_locks WHERE mode = 'ShareLock' AND NOT granted`),
    )
    await flipping.query('ROLLBACK')
    expect(await noted).toBe(false)
    await flip('ann', 'closing', 'open', { epoch: 3 })
    await flipping.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    expect(await noteWhole(flipping)).toBe(false)
    await flipping.query('ROLLBACK')
    flipping.release()
    expect(await short()).toBe(false)
  })

  it.each(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'])(
    'refuses a transaction that began before it had everything back (%s)',
    async (level) => {
      const writer = await pool.connect()
      await writer.query(`BEGIN ISOLATION LEVEL ${level}`)
      await writer.query('SELECT count(*) FROM public.item')
      await thereAndBack(2)
      expect(await noteWhole()).toBe(true)
      await expect(writer.query(`INSERT INTO public.item VALUES (1, 'ann')`)).rejects.toMatchObject(
        { code: '40001' },
      )
      await writer.query('ROLLBACK')
      // The same, as soon as it has begun later, is let through, and by the one look.
      await until('a transaction passes by one look', async () => {
        await writer.query(`BEGIN ISOLATION LEVEL ${level}`)
        await writer.query(`INSERT INTO public.item VALUES (1, 'ann')`)
        const passed = await exists(
          `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 16 AND mode = 'ShareLock'`,
        )
        await writer.query('ROLLBACK')
        return passed
      })
      writer.release()
    },
  )

  it('takes no write of a bucket while it is not open, however often all come back', async () => {
    let done = false
    const writing = Array.from({ length: 4 }, async (_, nth) => {
      const writer = await pool.connect()
      const [begin, end] = nth % 2 ? ['BEGIN', 'COMMIT'] : ['SELECT', 'SELECT']
      let taken = 0
      for (let id = nth * 1_000_000; !done; id++) {
        try {
          await writer.query(begin!)
          await writer.query({
            name: 'insert',
            text: 'INSERT INTO public.item VALUES ($1, $2)',
            values: [id, 'ann'],
          })
          await writer.query(end!)
          taken++
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^(BN001|40001)$/)
          if (nth % 2) await writer.query('ROLLBACK')
        }
      }
      writer.release()
      return taken
    })
    const count = async () => (await pool.query('SELECT count(*)::int AS n FROM public.item')).rows
    try {
      for (let epoch = 2; epoch < 42; epoch += 2) {
        await flip('ann', 'open', 'closing', { epoch, timeoutMs: 20_000 })
        const closed = await count()
        for (let looks = 0; looks < 5; looks++) expect(await count()).toEqual(closed)
        await flip('ann', 'closing', 'open', { epoch: epoch + 1, timeoutMs: 20_000 })
        expect(await noteWhole()).toBe(true)
        // As if it had begun long ago, or every writer would be too old for the one look.
        await pool.query(`SELECT setval('banyan.whole_1', 1)`)
        await until('a writer gets through', async () => (await count())[0].n > closed[0].n)
      }
    } finally {
      done = true
    }
    for (const taken of await Promise.all(writing)) expect(taken).toBeGreaterThan(0)
  })

  it.each(['open', 'closing'])(
    'is guarded by names that the search_path of a session cannot turn into others (%s)',
    async (state) => {
      if (state === 'closing') await flip('ann', 'open', 'closing', { epoch: 2 })
      await pool.query('CREATE SCHEMA evil')
      const trap = `LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$`
      const types = [
        'text',
        'name',
        'bytea',
        'integer',
        'smallint',
        'bigint',
        'float8',
        'timestamptz',
      ]
      for (const left of types) {
        for (const right of types) {
          await pool.query(`CREATE FUNCTION evil.trap(${left}, ${right}) RETURNS boolean ${trap}`)
          for (const name of ['=', '<>', '>=', '<=', '%']) {
            await pool.query(
              `CREATE OPERATOR evil.${name} (LEFTARG = ${left}, RIGHTARG = ${right}, FUNCTION = evil.trap)`,
            )
          }
        }
      }
      for (const heading of [
        'sha256(bytea) RETURNS bytea',
        'current_setting(text, boolean) RETURNS text',
        'current_setting(text) RETURNS text',
        'convert_to(text, name) RETURNS bytea',
        'cardinality(text[]) RETURNS integer',
        'transaction_timestamp() RETURNS timestamptz',
      ]) {
        await pool.query(`CREATE FUNCTION evil.${heading} ${trap}`)
      }
      const client = await pool.connect()
      await client.query('SET search_path = evil, pg_catalog')
      const written = client.query(`INSERT INTO public.item VALUES (1, 'ann'), (2, 'bob')`)
      if (state === 'open') expect((await written).rowCount).toBe(2)
      else await expect(written).rejects.toMatchObject({ code: 'BN001' })
      client.release(true)
      if (state === 'open') await flip('ann', 'open', 'closing', { epoch: 2 })
      const other = await pool.connect()
      await other.query('SET search_path = evil, pg_catalog')
      await other.query(`INSERT INTO public.item VALUES (3, 'bob')`)
      await other.query(`UPDATE public.item SET note = 'x' WHERE id OPERATOR(pg_catalog.=) 3`)
      await other.query(`DELETE FROM public.item WHERE id OPERATOR(pg_catalog.=) 3`)
      other.release(true)
    },
  )
})

const exists = async (sql: string) => (await pool.query(sql)).rowCount! > 0
