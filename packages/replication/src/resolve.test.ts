import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resolveTables, type TableSpec } from './index.ts'

let server: EmbeddedPostgres
let source: Pool
let target: Pool
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  source = createPool(await server.createDatabase('source'), { name: 'test' })
  target = createPool(await server.createDatabase('target'), { name: 'test' })
  await source.query(`
    CREATE TABLE public.item (id int PRIMARY KEY, user_id int, title text, twice int GENERATED ALWAYS AS (id * 2) STORED);
    CREATE TABLE public.loose (a int, b int);
    CREATE TABLE public."MixedCase" (id int PRIMARY KEY, "userId" text, one text, two text)`)
  await target.query(`
    CREATE TABLE public.item (id int PRIMARY KEY, user_id int, name text NOT NULL);
    CREATE TABLE public.loose (a int, b int);
    CREATE TABLE public."MixedCase" (id int PRIMARY KEY, "userId" text, both_ text)`)
})
afterAll(async () => {
  await source.end()
  await target.end()
  await server.stop()
})

const item = { source: 'public.item', target: 'public.item', owner: 'user_id' }
const plain = { id: 'id', user_id: 'user_id', name: 'title' }
const mixed = { source: 'public."MixedCase"', target: 'public."MixedCase"', owner: 'userId' }

describe('a table of a plan', () => {
  it('is found by its quoted name, and its renames are inverted', async () => {
    const [resolved] = await resolveTables(source, target, [{ ...item, forward: plain }])
    expect(resolved!.owners.target).toMatchObject({ column: 'user_id', hops: [] })
    expect(resolved!.backward.map(({ column, from }) => [column, ...from])).toEqual([
      ['id', 'id'],
      ['user_id', 'user_id'],
      ['title', 'name'],
    ])
    expect(resolved!.oneWay).toBeUndefined()
  })

  it.each<[string, TableSpec, RegExp]>([
    ['is not there', { ...item, source: 'public.itmes' }, /no such table; there is public.item/],
    ['is not named with its schema', { ...item, source: 'item' }, /schema\.table/],
    [
      'has no key',
      { source: 'public.loose', target: 'public.loose', owner: null },
      /no primary key/,
    ],
    ['has a column without a place', item, /no column for "title"/],
    [
      'leaves a column empty',
      { ...item, forward: { id: 'id', user_id: 'user_id' } },
      /nothing fills "name"/,
    ],
    [
      'maps a column that is not there',
      { ...item, forward: { ...plain, name: 'titel' } },
      /no column "titel"; near: "title"/,
    ],
    ['reads a generated column', { ...item, forward: { ...plain, name: 'twice' } }, /generated/],
    [
      'has another owner',
      { ...item, owner: 'userid', forward: plain },
      /no column "userid"; near: "user_id"/,
    ],
    [
      'has an expression that fails',
      { ...item, forward: { ...plain, name: { from: ['title'], sql: 'uper(title)' } } },
      /uper/,
    ],
    [
      'computes from values that may be absent',
      {
        ...mixed,
        forward: { id: 'id', userId: 'userId', both_: { from: ['one', 'two'], sql: 'one || two' } },
      },
      /REPLICA IDENTITY FULL/,
    ],
  ])('is refused when it %s', async (_, spec, message) => {
    await expect(resolveTables(source, target, [spec])).rejects.toMatchObject({
      code: 'BAD_PLAN',
      message: expect.stringMatching(message),
    })
  })
})
