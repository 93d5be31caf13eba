import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ForumSystem } from './testing/forum-system.ts'

let forum: ForumSystem

beforeAll(async () => {
  forum = await ForumSystem.start({
    throttle: { activeSessions: 3, lagMs: 700, answerMs: 60_000 },
    gates: { minimumRequests: 0 },
    shadow: { percent: 0 },
    steps: [{ percent: 100, seconds: 0, next: 'manual' }],
  })
}, 60_000)
afterAll(() => forum.stop())

/** Sessions that compute, one query after the other, until told to stop. */
function burden(sessions: number): () => Promise<void> {
  let going = true
  const running = Array.from({ length: sessions }, async () => {
    while (going) await forum.source.query('SELECT count(*) FROM generate_series(1, 300000)')
  })
  return async () => {
    going = false
    await Promise.all(running)
  }
}

const throttled = (by: string | null) => forum.await((status) => status.copy.throttle.by === by)

describe('a copy', () => {
  it('is throttled by hand, by load and by lag, says by which, and remembers it over a restart', async () => {
    let engine = await forum.startEngine()
    expect((await forum.act('throttle')).status).toBe(400)
    expect((await forum.act('throttle', { rowsPerSecond: -1 })).status).toBe(400)
    await forum.act('throttle', { rowsPerSecond: 150, by: 'ada' })
    expect((await forum.status()).copy.throttle).toMatchObject({ rowsPerSecond: 150, by: 'hand' })
    await forum.act('start')
    const { copy, waitsFor } = await forum.await((status) => status.copy.rows > 0)
    expect(copy.throttle).toMatchObject({ rowsPerSecond: 150, by: 'hand' })
    expect(waitsFor).toContain('a throttle of 150 rows/s (banyan throttle)')

    await forum.stopEngine(engine)
    engine = await forum.startEngine()
    const before = (await forum.status()).copy.rows
    await forum.await((status) => status.copy.rows > before && status.copy.throttle.by === 'hand')

    const relieve = burden(5)
    const { why } = (await throttled('source load')).copy.throttle
    expect(why).toMatch(/sessions are at work on the source, the bound is 3/)
    await relieve()
    await throttled('hand')

    const client = await forum.target.connect()
    await client.query('BEGIN; LOCK TABLE content.post, content.post_tag')
    expect((await throttled('lag')).copy.throttle.why).toMatch(/lags \d+ ms, the bound is 700 ms/)
    await client.query('COMMIT')
    client.release()
    await throttled('hand')

    await forum.act('throttle', { rowsPerSecond: 0 })
    await forum.await((status) => status.copy.throttle.rowsPerSecond === 0)
    await forum.act('throttle', { rowsPerSecond: null, why: 'the night is long' })
    const done = await forum.await((status) => status.copy.done)
    expect(done.copy.throttle.by).toBeNull()
    expect((await forum.act('throttle', { rowsPerSecond: 5 })).status).toBe(409)
    const decisions = (await forum.ledger()).filter((entry) => entry.what === 'throttle')
    expect(decisions.map(({ detail }) => detail)).toMatchObject([
      { rowsPerSecond: 150, by: 'ada' },
      { rowsPerSecond: 0 },
      { rowsPerSecond: null, why: 'the night is long' },
    ])
  }, 120_000)
})
