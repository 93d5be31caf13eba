import { BUCKETS } from '@banyan/contracts'
import type { Gateway } from '@banyan/gateway'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningEngine } from './engine.ts'
import { ForumSystem } from './testing/forum-system.ts'

/*
 * An engine dies at each step of a handover. Rather than killing one at the right microsecond, the
 * databases are put into the state in which such a death leaves them, and a new engine is started.
 */

let forum: ForumSystem
let engine: RunningEngine
let gateway: Gateway

beforeAll(async () => {
  forum = await ForumSystem.start({
    steps: [{ percent: 100, seconds: 0 }],
    gates: { minimumRequests: 0 },
    shadow: { percent: 0 },
    soakSeconds: 3600,
  })
  engine = await forum.startEngine()
  gateway = await forum.startGateway('one', [engine.url])
  await forum.act('start')
  await forum.awaitPhase('soaking')
}, 60_000)
afterAll(() => forum.stop())

type State = [state: string, epoch: number]

/** As a dead engine left it: all buckets of both sides. */
async function leave(source: State, target: State): Promise<void> {
  const set = `UPDATE banyan.ownership SET state = $1, epoch = epoch + $2`
  await forum.source.query(set, source)
  await forum.target.query(set, target)
}

async function owners(): Promise<{ source: string; target: string; buckets: number }[]> {
  const read = 'SELECT bucket, state FROM banyan.ownership ORDER BY bucket'
  const [source, target] = await Promise.all(
    [forum.source, forum.target].map((pool) => pool.query<{ state: string }>(read)),
  )
  const counts = new Map<string, number>()
  source!.rows.forEach((row, i) => {
    const pair = `${row.state} ${target!.rows[i]!.state}`
    counts.set(pair, (counts.get(pair) ?? 0) + 1)
  })
  return [...counts].map(([pair, buckets]) => {
    const [s, t] = pair.split(' ')
    return { source: s!, target: t!, buckets }
  })
}

const read = (user: number) =>
  fetch(`http://127.0.0.1:${gateway.publicPort}/api/posts`, {
    headers: { 'x-session': `session-${user}` },
  })
const write = (user: number) =>
  fetch(`http://127.0.0.1:${gateway.publicPort}/api/posts`, {
    method: 'POST',
    headers: { 'x-session': `session-${user}`, 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'after the takeover' }),
  })

describe('an engine that takes over', () => {
  it.each<[string, State, State, string]>([
    ['the target closing', ['closed', 10], ['closing', 20], 'target'],
    ['the target given, the source not open', ['closed', 30], ['given', 40], 'source'],
    ['the source closing', ['closing', 60], ['closed', 50], 'source'],
    ['the source given, the target open', ['given', 70], ['open', 80], 'target'],
    ['neither open, the target with the higher epoch', ['closed', 90], ['closed', 120], 'target'],
    ['the target closing again', ['closed', 100], ['closing', 130], 'target'],
  ])('finds %s, and one side owns everything again', async (_, source, target, owner) => {
    await forum.act('pause')
    await forum.stopEngine(engine)
    await leave(source, target)
    engine = await forum.startEngine()
    const expected =
      owner === 'target'
        ? { source: 'closed', target: 'open', buckets: BUCKETS }
        : { source: 'open', target: 'closed', buckets: BUCKETS }
    await forum.waitFor(async () => JSON.stringify(await owners()) === JSON.stringify([expected]))
    // The gateway heard of it: reads and writes go through at once, wherever they went before.
    await forum.waitFor(async () => (await write(1)).status === 201)
    expect((await read(2)).status).toBe(200)
  })

  it('tries again when a writer keeps it from reopening for longer than a flip may wait', async () => {
    await forum.act('pause')
    await forum.stopEngine(engine)
    await leave(['closing', 1_000], ['closed', 1])
    const writer = await forum.source.connect()
    await writer.query('BEGIN; SELECT FROM banyan.ownership WHERE bucket = 5 FOR UPDATE')
    engine = await forum.startEngine()
    const attempts = new Set<string>()
    await forum.waitFor(async () => {
      const { rows } = await forum.source.query<{ attempt: string }>(
        `SELECT pid || ' ' || query_start AS attempt FROM pg_stat_activity
          WHERE application_name LIKE 'banyan/%/flip' AND wait_event_type = 'Lock'`,
      )
      for (const { attempt } of rows) attempts.add(attempt)
      return attempts.size > 1
    })
    await writer.query('COMMIT')
    writer.release()
    const expected = [{ source: 'open', target: 'closed', buckets: BUCKETS }]
    await forum.waitFor(async () => JSON.stringify(await owners()) === JSON.stringify(expected))
    await forum.waitFor(async () => (await write(1)).status === 201)
  })
})
