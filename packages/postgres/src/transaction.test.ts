import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedPostgres } from './embedded.ts'
import { createPool, type Pool, type PoolClient } from './pool.ts'
import { transaction, withCommit } from './transaction.ts'

const INSERT = 'INSERT INTO public.things VALUES ($1, $2)'

let server: EmbeddedPostgres
/** One connection. */
let pool: Pool
let roundTrips = 0

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server?.stop())

const things = async () =>
  (await pool.query('SELECT id, label FROM public.things ORDER BY id')).rows.map(
    ({ id, label }) => `${id} ${label}`,
  )
const insert = (tx: PoolClient, id: number, label: string) => tx.query(INSERT, [id, label])
const insertWithCommit = (tx: PoolClient, id: number, label: string) =>
  withCommit(tx, INSERT, [id, label])

async function open(prepared: boolean): Promise<void> {
  pool = createPool(server.url(), { name: 'test', max: 1, prepared })
  pool.on('connect', (client) => {
    const { connection } = client as unknown as pg.Client
    connection.on('readyForQuery', () => {
      roundTrips += 1
    })
  })
  await pool.query('DROP TABLE IF EXISTS public.things')
  await pool.query(`CREATE TABLE public.things (
    id int PRIMARY KEY, label text UNIQUE DEFERRABLE INITIALLY DEFERRED)`)
  await pool.query("INSERT INTO public.things VALUES (1, 'one')")
  // From its second transaction on a connection has BEGIN and COMMIT prepared.
  await transaction(pool, (tx) => insert(tx, 2, 'two'))
  roundTrips = 0
}
afterEach(() => pool?.end())

describe.each([true, false])('a transaction of a pool that prepares: %s', (prepared) => {
  beforeEach(() => open(prepared))

  it('keeps all, or nothing', async () => {
    await transaction(pool, async (tx) => {
      await insert(tx, 3, 'three')
      await insertWithCommit(tx, 4, 'four')
    })
    const failed = transaction(pool, async (tx) => {
      await insert(tx, 5, 'five')
      await insertWithCommit(tx, 6, 'six')
      throw new Error('the work failed')
    })
    await expect(failed).rejects.toThrow('the work failed')
    expect(await things()).toEqual(['1 one', '2 two', '3 three', '4 four'])
  })

  it('keeps nothing when its first statement fails, and the next one goes on', async () => {
    await expect(transaction(pool, (tx) => insert(tx, 1, 'another'))).rejects.toMatchObject({
      code: '23505',
    })
    await transaction(pool, (tx) => insert(tx, 3, 'three'))
    expect(await things()).toEqual(['1 one', '2 two', '3 three'])
  })

  it('keeps nothing when what goes with COMMIT fails, or COMMIT itself', async () => {
    for (const [id, label] of [
      [1, 'another'],
      [4, 'one'],
    ] as const) {
      const failed = transaction(pool, async (tx) => {
        await insert(tx, 3, 'three')
        await insertWithCommit(tx, id, label)
      })
      await expect(failed).rejects.toMatchObject({ code: '23505' })
    }
    expect(await things()).toEqual(['1 one', '2 two'])
  })

  it('keeps nothing where a statement had failed and the work went on', async () => {
    const failed = transaction(pool, async (tx) => {
      await insert(tx, 3, 'three')
      await insert(tx, 1, 'another').catch(() => {})
    })
    await expect(failed).rejects.toThrow('rolled back')
    expect(await things()).toEqual(['1 one', '2 two'])
  })

  it('carries statements out in the order in which they were given', async () => {
    const seen: number[] = []
    const count = async (tx: PoolClient) => {
      const { rows } = await tx.query(
        'SELECT count(*)::int AS n FROM public.things WHERE id > $1',
        [0],
      )
      seen.push(rows[0].n)
    }
    await transaction(pool, async (tx) => {
      await insertWithCommit(tx, 3, 'three')
      await count(tx)
      await insertWithCommit(tx, 4, 'four')
      await insertWithCommit(tx, 5, 'five')
      await tx.query('SAVEPOINT here')
      await insertWithCommit(tx, 6, 'six')
      await tx.query('ROLLBACK TO SAVEPOINT here')
      await count(tx)
      await insertWithCommit(tx, 7, 'seven')
    })
    expect(seen).toEqual([3, 5])
    expect(await things()).toEqual(['1 one', '2 two', '3 three', '4 four', '5 five', '7 seven'])
  })

  it('tells of what failed first', async () => {
    const after: ((tx: PoolClient) => Promise<unknown>)[] = [
      (tx) => insert(tx, 3, 'three'),
      (tx) => tx.query('SELECT 1'),
      (tx) => insertWithCommit(tx, 3, 'three'),
      (tx) =>
        new Promise((resolve, reject) => {
          tx.query(INSERT, [3, 'three'], (error) => (error ? reject(error) : resolve(null)))
        }),
    ]
    for (const next of after) {
      const failed = transaction(pool, async (tx) => {
        await insertWithCommit(tx, 1, 'another')
        await next(tx)
      })
      await expect(failed).rejects.toMatchObject({ code: '23505' })
    }
    expect(await things()).toEqual(['1 one', '2 two'])
  })

  it('is begun before a statement that has no parameters', async () => {
    const failed = transaction(pool, async (tx) => {
      await tx.query("INSERT INTO public.things VALUES (3, 'three')")
      throw new Error('the work failed')
    })
    await expect(failed).rejects.toThrow('the work failed')
    expect(await things()).toEqual(['1 one', '2 two'])
  })

  it('carries out at once what comes in a transaction that it did not begin', async () => {
    const client = await pool.connect()
    await client.query('BEGIN')
    await insertWithCommit(client, 3, 'three')
    await client.query('ROLLBACK')
    await insertWithCommit(client, 4, 'four')
    client.release()
    await withCommit(pool, INSERT, [5, 'five'])
    expect(await things()).toEqual(['1 one', '2 two', '4 four', '5 five'])
  })
})

describe('a transaction of a pool that prepares', () => {
  beforeEach(() => open(true))

  it('takes a round trip for each statement, and none for BEGIN and COMMIT', async () => {
    const rounds = async (work: (tx: PoolClient) => Promise<unknown>) => {
      roundTrips = 0
      await transaction(pool, work)
      return roundTrips
    }
    await transaction(pool, (tx) => insertWithCommit(tx, 3, 'three'))
    expect(await rounds((tx) => insertWithCommit(tx, 4, 'four'))).toBe(1)
    expect(
      await rounds(async (tx) => {
        await insert(tx, 5, 'five')
        await insertWithCommit(tx, 6, 'six')
      }),
    ).toBe(2)
    expect(await rounds((tx) => insert(tx, 7, 'seven'))).toBe(2)
    expect(await rounds(async () => {})).toBe(0)
    expect(await things()).toHaveLength(7)
  })

  it('answers its first statement with that one’s rows', async () => {
    const { rows, rowCount, command } = await transaction(pool, (tx) =>
      tx.query('SELECT label FROM public.things WHERE id = $1', [2]),
    )
    expect({ rows, rowCount, command }).toEqual({
      rows: [{ label: 'two' }],
      rowCount: 1,
      command: 'SELECT',
    })
    const told = await transaction(
      pool,
      (tx) =>
        new Promise((resolve, reject) => {
          tx.query(INSERT, [3, 'three'], (error, result) =>
            error ? reject(error) : resolve(result.rowCount),
          )
        }),
    )
    expect(told).toBe(1)
  })

  it('does not carry out a statement whose BEGIN is refused', async () => {
    await transaction(pool, (tx) => insertWithCommit(tx, 3, 'three'))
    await pool.query('DEALLOCATE ALL')
    await expect(transaction(pool, (tx) => insert(tx, 4, 'four'))).rejects.toMatchObject({
      code: '26000',
    })
    await transaction(pool, (tx) => insert(tx, 5, 'five'))
    expect(await things()).toEqual(['1 one', '2 two', '3 three', '5 five'])
  })

  it('does not carry out one without parameters either', async () => {
    const client = (await pool.connect()) as unknown as pg.Client & PoolClient
    const { connection } = client
    const query = connection.query.bind(connection)
    connection.query = (text) => query(text === 'BEGIN' ? 'SELECT 1 / 0' : text)
    client.release()
    const failed = transaction(pool, (tx) =>
      tx.query("INSERT INTO public.things VALUES (3, 'three')"),
    )
    await expect(failed).rejects.toThrow('division by zero')
    await transaction(pool, (tx) => insert(tx, 4, 'four'))
    expect(await things()).toEqual(['1 one', '2 two', '4 four'])
  })

  it('is rolled back when its COMMIT is refused', async () => {
    await transaction(pool, (tx) => insertWithCommit(tx, 3, 'three'))
    const failed = transaction(pool, async (tx) => {
      await insert(tx, 4, 'four')
      await tx.query('DEALLOCATE ALL')
      await insertWithCommit(tx, 5, 'five')
    })
    await expect(failed).rejects.toMatchObject({ code: '26000' })
    await transaction(pool, (tx) => insertWithCommit(tx, 6, 'six'))
    expect(await things()).toEqual(['1 one', '2 two', '3 three', '6 six'])
  })
})
