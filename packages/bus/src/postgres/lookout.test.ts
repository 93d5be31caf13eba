import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { Deliveries } from '../conformance/deliveries.ts'
import { messages } from '../conformance/harness.ts'
import { until } from '../conformance/until.ts'
import { Lookout } from './lookout.ts'
import { statements } from './statements.ts'
import { openPostgresTransport } from './transport.ts'

let server: EmbeddedPostgres
let pool: Pool
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  pool = createPool(server.url(), { name: 'test' })
})
afterAll(async () => {
  await pool?.end()
  await server?.stop()
})

it('what no notification told of is found, of each group by its own subscription', async () => {
  const transport = await openPostgresTransport({ url: server.url() })
  onTestFinished(() => transport.close())
  const got = { one: new Deliveries(), two: new Deliveries() }
  const types = ['thing.changed']
  await transport.subscribe({ group: 'one', types }, got.one.with())
  await transport.subscribe({ group: 'two', types }, got.two.with())
  const sent = messages('thing.changed', 3, 2)
  const told = `SELECT pg_notify($1, string_agg(DISTINCT group_id::text, ' '))`
  const quietly = statements('bus').publish.replace(told, 'SELECT $1::text')
  expect(quietly).not.toContain('pg_notify')
  await pool.query(quietly, [
    'nobody listens',
    sent.map(({ id }) => id),
    sent.map(({ type }) => type),
    sent.map(({ key }) => key),
    sent.map(({ headers }) => JSON.stringify(headers)),
    sent.map(({ body }) => body),
  ])
  const ids = sent.map(({ id }) => id).sort()
  for (const { begun } of [got.one, got.two]) {
    await until('all are delivered', () => begun.length === sent.length)
    expect(begun.map(({ id }) => id).sort()).toEqual(ids)
  }
})

it('a group is not read of which nothing stands there', async () => {
  const transport = await openPostgresTransport({ url: server.url() })
  const types = ['thing.stayed']
  const refuse = () => Promise.reject(new Error('not now'))
  await transport.subscribe({ group: 'full', types }, refuse)
  await transport.publish(messages('thing.stayed', 1, 1))
  await transport.subscribe({ group: 'empty', types }, refuse)
  await transport.close()
  const { rows } = await pool.query<{ id: number; name: string }>(
    `SELECT id, name FROM bus.consumer_group WHERE name IN ('full', 'empty')`,
  )
  const answers: unknown[][] = []
  const query = async (text: string, values: unknown[]) => {
    const answer = await pool.query(text, values)
    answers.push(answer.rows)
    return answer
  }
  const lookout = new Lookout({ query } as never, statements('bus'), 5)
  for (const { id } of rows) onTestFinished(lookout.watch(id, () => {}))
  await until('it was looked for', () => answers.length > 0)
  expect(answers[0]).toEqual([{ group: rows.find(({ name }) => name === 'full')!.id }])
})

/** Two groups that are watched; how often each was told. */
function watched(query: (text: string, values: [number[]]) => Promise<unknown>) {
  const found = { 1: 0, 2: 0 }
  const lookout = new Lookout({ query } as never, statements('bus'), 5)
  for (const group of [1, 2] as const) {
    onTestFinished(lookout.watch(group, () => void found[group]++))
  }
  return found
}

it('one look is for all groups, and wakes those alone of which there is something', async () => {
  const asked: number[][] = []
  const found = watched(async (_, [groups]) => {
    asked.push(groups)
    return { rows: [{ group: 2 }] }
  })
  await until('it looked twice', () => found[2] >= 2)
  expect(asked.length).toBeGreaterThanOrEqual(2)
  expect(new Set(asked.map(String))).toEqual(new Set(['1,2']))
  expect(found[1]).toBe(0)
})

it('a look that is not answered holds up no subscription', async () => {
  const found = watched(() => new Promise(() => {}))
  await until('all read', () => found[1] > 0 && found[2] > 0)
})

it('a look that fails has each subscription find out', async () => {
  const found = watched(() => Promise.reject(new Error('away')))
  await until('all read', () => found[1] > 0 && found[2] > 0)
})
