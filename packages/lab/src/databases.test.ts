import { EmbeddedPostgres } from '@banyan/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareRows, orderedRows } from './compare.ts'
import { findLeftovers } from './leftovers.ts'

let server: EmbeddedPostgres
const urls = { source: '', target: '' }

async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  urls.source = await server.createDatabase('source')
  urls.target = await server.createDatabase('target')
})
afterAll(() => server.stop())

describe('compareRows', () => {
  const SQL = `SELECT id::text COLLATE "C" AS key, concat_ws('|', title, price) AS value FROM thing
    WHERE $1::text IS NULL OR id::text COLLATE "C" > $1 ORDER BY id::text COLLATE "C" LIMIT $2`
  const rows = (url: string) => orderedRows(url, SQL)
  const FILL = `DROP TABLE IF EXISTS thing; CREATE TABLE thing (id int, title text, price numeric);
    INSERT INTO thing SELECT n, 'Thing ' || n, n FROM generate_series(1, 25000) n`

  it('finds two equal sides equal, over more than one batch', async () => {
    await Promise.all([run(urls.source, FILL), run(urls.target, FILL)])
    const comparison = await compareRows(rows(urls.source), rows(urls.target))
    expect(comparison).toEqual({ source: 25000, target: 25000, divergent: 0, examples: [] })
  })

  it('finds a column that differs, a row that is missing, and one too many', async () => {
    await run(urls.source, FILL)
    await run(
      urls.target,
      FILL,
      `UPDATE thing SET title = 'Another' WHERE id = 12345`,
      'DELETE FROM thing WHERE id = 7',
      `INSERT INTO thing VALUES (99999, 'More', 1)`,
      // The same key twice is a row too many, not an endless loop.
      `INSERT INTO thing VALUES (25000, 'Thing 25000', 25000)`,
    )
    const comparison = await compareRows(rows(urls.source), rows(urls.target))
    expect(comparison).toMatchObject({ source: 25000, target: 25001, divergent: 4 })
    expect(comparison.examples.join('\n')).toMatch(
      /12345 differs: Thing 12345\|12345 at the source, Another\|12345 at the target/,
    )
  })
})

describe('findLeftovers', () => {
  it('finds nothing in a database of an application', async () => {
    await run(urls.source, 'DROP TABLE IF EXISTS thing; CREATE TABLE thing (id int PRIMARY KEY)')
    expect(await findLeftovers(urls.source)).toEqual([])
  })

  it('finds each kind of thing that an extraction puts into a database', async () => {
    await run(
      urls.source,
      'CREATE SCHEMA banyan',
      'CREATE ROLE banyan_applier',
      'CREATE PUBLICATION banyan_x_forward FOR TABLE thing',
      `SELECT pg_create_logical_replication_slot('banyan_x_forward', 'pgoutput')`,
      `SELECT pg_replication_origin_create('banyan_x_reverse')`,
      `CREATE FUNCTION banyan.guard_1() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
      'CREATE TRIGGER "~banyan_guard_1" BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION banyan.guard_1()',
      'CREATE TRIGGER innocent BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION banyan.guard_1()',
    )
    expect(await findLeftovers(urls.source)).toEqual([
      'origin banyan_x_reverse',
      'publication banyan_x_forward',
      'role banyan_applier',
      'schema banyan',
      'slot banyan_x_forward',
      'trigger innocent on thing',
      'trigger ~banyan_guard_1 on thing',
    ])
  })
})
