import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareKeys } from './operators.ts'
import { contents, createPair, PATIENCE_MS } from './testing/pair.ts'
import { verify } from './verify.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

describe('a key whose type comes with an extension', () => {
  it('is copied, found and compared as that type sorts, though its schema is not searched', async () => {
    const table = 'public.mailbox'
    const pair = await createPair(server, {
      source: `CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION ltree SCHEMA ext;
        CREATE TABLE ${table} (shelf int, mail ext.citext, path ext.ltree, owner text, n int, PRIMARY KEY (shelf, mail, path))`,
      tables: [{ source: table, target: table, owner: 'owner' }],
    })
    // As octets, every capital sorts before every small letter: a chunk would go on in the wrong place.
    await pair.source.query(
      `INSERT INTO ${table} SELECT s, (CASE WHEN c % 2 = 0 THEN chr(96 + c) ELSE chr(64 + c) END)::ext.citext, 'a.b', 'u', 0
         FROM generate_series(1, 2) s, generate_series(1, 20) c`,
    )
    const link = pair.link('forward')
    await link.prepare()
    link.start()
    const { rows } = await link.copy({ chunkRows: 3 })
    expect(rows).toBe(40)
    await pair.source.query(`UPDATE ${table} SET n = 1 WHERE shelf = 1`)
    await pair.source.query(
      `UPDATE ${table} SET mail = upper(mail::text)::ext.citext WHERE shelf = 2`,
    )
    await pair.source.query(`DELETE FROM ${table} WHERE shelf = 1 AND mail::text < 'F'`)
    await link.probe(PATIENCE_MS)
    expect(await contents(pair.target, table)).toEqual(await contents(pair.source, table))
    await pair.target.query(`UPDATE ${table} SET n = 9 WHERE mail::text = 'K'`)
    const { source, target, tables } = pair
    const report = await verify({
      tables,
      source,
      target,
      forward: link,
      reverse: link,
      chunkRows: 4,
    })
    expect(report.divergent).toBe(2)
    expect(pair.problems).toEqual([])
    await pair.close()
  })

  it('is compared column by column, the others as rows', () => {
    const plain = { operators: null }
    const own = { operators: 'ext' }
    expect(compareKeys([plain, plain], ['a', 'b'], '>', ['1', '2'])).toBe('(a, b) > (1, 2)')
    expect(compareKeys([own], ['a'], '<=', ['1'])).toBe('a OPERATOR("ext".<=) 1')
    expect(compareKeys([plain, own], ['a', 'b'], '>', ['1', '2'])).toBe(
      'a >= 1 AND (a > 1 OR a = 1 AND b OPERATOR("ext".>) 2)',
    )
  })
})
