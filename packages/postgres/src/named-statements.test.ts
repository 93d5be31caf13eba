import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { EmbeddedPostgres } from './embedded.ts'
import { StatementNames } from './named-statements.ts'
import { createPool, type Pool } from './pool.ts'
import { transaction } from './transaction.ts'

let server: EmbeddedPostgres
let pool: Pool

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server?.stop())

beforeEach(async () => {
  await pool?.end()
  pool = createPool(server.url(), { name: 'test', max: 1, prepared: true })
  await pool.query('DROP TABLE IF EXISTS public.things')
  await pool.query('CREATE TABLE public.things (id int PRIMARY KEY, label text)')
  await pool.query("INSERT INTO public.things VALUES (1, 'one'), (2, 'two')")
})
afterAll(() => pool?.end())

const LABEL = 'SELECT label FROM public.things WHERE id = $1'
const labelOf = async (id: number) => (await pool.query(LABEL, [id])).rows

/** What the connection has prepared, with how often the server has carried it out by a plan of its own or a shared one. */
async function prepared() {
  const { rows } = await pool.query(
    'SELECT statement, (generic_plans + custom_plans)::int AS runs FROM pg_catalog.pg_prepared_statements ORDER BY 1',
  )
  return rows
}

it('prepares a statement that comes again and again, with whatever parameters', async () => {
  for (const id of [1, 2, 1, 2, 3]) await labelOf(id)
  expect(await prepared()).toEqual([{ statement: LABEL, runs: 3 }])
  expect(await labelOf(2)).toEqual([{ label: 'two' }])
})

it('prepares none that is written anew for each call, has no parameters, or a name already', async () => {
  for (let n = 0; n < 10; n += 1) {
    await pool.query(`SELECT $1::int + ${n} AS sum`, [n])
    await pool.query('SELECT count(*) FROM public.things')
    await pool.query({ name: 'theirs', text: 'SELECT $1::int AS mine', values: [n] })
  }
  expect(await prepared()).toEqual([{ statement: 'SELECT $1::int AS mine', runs: 10 }])
})

it('takes objects with a row mode as they are', async () => {
  const rows = []
  for (let n = 0; n < 4; n += 1) {
    const asked = { text: LABEL, rowMode: 'array' as const, values: [1] }
    rows.push(...(await pool.query(asked)).rows)
  }
  expect(rows).toEqual([['one'], ['one'], ['one'], ['one']])
  expect(await prepared()).toEqual([{ statement: LABEL, runs: 2 }])
})

it('reads a statement anew when a migration has changed what it answers', async () => {
  for (let n = 0; n < 4; n += 1) await labelOf(1)
  await pool.query('ALTER TABLE public.things ALTER label TYPE bytea USING label::bytea')
  expect(await labelOf(1)).toEqual([{ label: Buffer.from('one') }])
  const client = await pool.connect()
  await client.query('DISCARD ALL')
  for (let n = 0; n < 4; n += 1)
    expect((await client.query(LABEL, [2])).rows).toEqual([{ label: Buffer.from('two') }])
  client.release()
})

it('lets a transaction fail whose statement’s answer has changed, and the next go on', async () => {
  for (let n = 0; n < 4; n += 1) await labelOf(1)
  await pool.query('ALTER TABLE public.things ALTER label TYPE varchar(9)')
  const read = () => transaction(pool, async (client) => (await client.query(LABEL, [1])).rows)
  await expect(read()).rejects.toMatchObject({ code: '0A000' })
  expect(await read()).toEqual([{ label: 'one' }])
})

it('tells of every other failure as it is', async () => {
  const insert = 'INSERT INTO public.things VALUES ($1)'
  const client = await pool.connect()
  for (const id of [3, 4, 5]) await client.query(insert, [id])
  await expect(client.query(insert, [5])).rejects.toMatchObject({ code: '23505' })
  const told = new Promise((resolve) => client.query(insert, [5], (error) => resolve(error)))
  expect(await told).toMatchObject({ code: '23505' })
  client.release()
  expect((await prepared()).map(({ statement }) => statement)).toEqual([insert])
})

it('gives no more than 200 names, and no name twice', () => {
  const names = new StatementNames()
  const given = new Set<string | undefined>()
  const ask = () => {
    for (let n = 0; n < 300; n += 1)
      for (let time = 0; time < 3; time += 1) given.add(names.nameOf(`SELECT ${n}`))
  }
  ask()
  expect(given.size).toBe(201)
  names.forget()
  ask()
  expect(given.size).toBe(401)
})
