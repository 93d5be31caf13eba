import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Deliveries } from '../conformance/deliveries.ts'
import { messages } from '../conformance/harness.ts'
import { until } from '../conformance/until.ts'
import type { Transport } from '../transport.ts'
import { openPostgresTransport } from './transport.ts'

describe('members of a group over PostgreSQL', () => {
  let server: EmbeddedPostgres
  let pool: Pool
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
    pool = createPool(server.url(), { name: 'test' })
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })

  const lanes = async () => {
    const { rows } = await pool.query<{ lanes: number }>(
      'SELECT count(*)::int AS lanes FROM bus.lane WHERE member IS NOT NULL GROUP BY member',
    )
    return rows.map((row) => row.lanes).sort()
  }
  const open = () => openPostgresTransport({ url: server.url(), leaseMs: 3_000 })

  it('share the lanes evenly, and leave none behind', async () => {
    const members: Transport[] = []
    for (const share of [[64], [32, 32], [20, 22, 22]]) {
      const member = await open()
      members.push(member)
      await member.subscribe({ group: 'even', types: ['thing.changed'] }, async () => {})
      await until(`they have ${share}`, async () => String(await lanes()) === String(share))
    }
    await Promise.all(members.map((member) => member.close()))
    expect(await lanes()).toEqual([])
  })

  it('who was expelled begins nothing more of what it had, and joins again', async () => {
    const got = new Deliveries()
    const member = await open()
    const waiting: (() => void)[] = []
    await member.subscribe(
      { group: 'expelled', types: ['thing.changed'], concurrency: 1 },
      got.with(() => new Promise<void>((resolve) => waiting.push(resolve))),
    )
    const sent = messages('thing.changed', 10, 1)
    await member.publish(sent)
    await until('one runs', () => got.running === 1)
    // What another member does to one that it has missed; and it has acknowledged the rest by now.
    await pool.query(`DELETE FROM bus.member WHERE group_id =
      (SELECT id FROM bus.consumer_group WHERE name = 'expelled')`)
    await pool.query('DELETE FROM bus.message WHERE id <> $1', [sent[0]!.id])
    await until('it has joined again', async () => (await lanes()).length === 1)
    const last = messages('thing.changed', 1, 1)
    await member.publish(last)
    waiting.shift()!()
    await until('the next runs', () => got.running === 1 && waiting.length === 1)
    waiting.shift()!()
    await until('all is acknowledged', async () => (await member.backlog('expelled')) === 0)
    const begun = new Set(got.begun.map(({ id }) => id))
    expect([...begun].sort()).toEqual([sent[0]!.id, last[0]!.id].sort())
    await member.close()
  })

  it.each([
    ['a schema that cannot be', () => openPostgresTransport({ url: server.url(), schema: 'A b' })],
    ['a group with a space', () => subscribed({ group: 'a b', types: ['thing.changed'] })],
    ['no types', () => subscribed({ group: 'a', types: [] })],
    ['a type with a slash', () => subscribed({ group: 'a', types: ['a/b'] })],
    ['concurrency 0', () => subscribed({ group: 'a', types: ['a'], concurrency: 0 })],
  ])('cannot have %s', async (_, work) => {
    await expect(work()).rejects.toThrow(
      /schema is|a group is|no event type|event type|concurrency/,
    )
  })

  async function subscribed(request: Parameters<Transport['subscribe']>[0]): Promise<void> {
    const member = await open()
    try {
      await member.subscribe(request, async () => {})
    } finally {
      await member.close()
    }
  }
})
