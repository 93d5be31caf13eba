import type { RouteTable } from '@banyan/contracts'
import { createPool, type EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { leftovers } from '@banyan/replication'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Why } from './status.ts'
import { ForumSystem } from './testing/forum-system.ts'
import { addNotes, atStep } from './testing/notes.ts'

let forum: ForumSystem
let other: EmbeddedPostgres
let control: Pool
let target: Pool

beforeAll(async () => {
  forum = await ForumSystem.start({
    gates: { minimumRequests: 0 },
    shadow: { percent: 0 },
    completeAfter: ['notes'],
  })
  other = await addNotes(forum, [
    { percent: 50, seconds: 0, next: 'manual' },
    { percent: 100, seconds: 0 },
  ])
  control = createPool(forum.plan.control.databaseUrl, { name: 'test' })
  target = createPool(other.url('notes'), { name: 'test' })
  const engine = await forum.startEngine()
  await forum.startGateway('one', [engine.url])
}, 60_000)

afterAll(async () => {
  await forum.stop()
  await Promise.all([control.end(), target.end()])
  await other.stop()
})

const notes = (act: string, body = {}) => forum.act(act, body, 'notes')
const abandon = () => notes('abandon', { confirm: 'notes', by: 'ada' })
const reached = (phase: string) => forum.await((status) => status.phase === phase, 'notes')

/** Half of the notes are the target's, the other half is given to it, and it dies. */
async function dieInHandover(): Promise<void> {
  await notes('start')
  await forum.await((status) => status.waitsFor.includes('promote'), 'notes')
  await target.query(`INSERT INTO public.notes (owner) SELECT o FROM (VALUES ('3'), ('1'), ('2'), ('4')) v (o)
    WHERE EXISTS (SELECT FROM banyan.ownership WHERE bucket = banyan.bucket(o) AND state = 'open')`)
  await atStep(
    forum,
    control,
    'open',
    () => notes('promote'),
    () => other.kill(),
  )
  await forum.await((status) => status.trouble !== null, 'notes')
}

const writeAll = (pool: Pool) =>
  pool.query(`INSERT INTO public.notes (owner) SELECT i::text FROM generate_series(1, 50) i`)

describe('a target that is gone for good', () => {
  it('is abandoned by name only, and only while it is away', async () => {
    await dieInHandover()
    expect((await notes('abandon')).status).toBe(400)
    expect((await notes('abandon', { confirm: 'posts' })).status).toBe(400)
    await expect(writeAll(forum.source)).rejects.toMatchObject({ code: 'BN001' })
    const why = (await forum.control('GET', '/v1/extractions/notes/why')).body as Why
    expect(why.next).toContain('banyan abandon notes --confirm notes')
  }, 60_000)

  it('leaves the source the owner of everything, says what is known of the loss, and is closed when it comes back', async () => {
    expect((await abandon()).status).toBe(202)
    expect(await reached('abandoned')).toMatchObject({ percent: 0, goal: 0 })
    await writeAll(forum.source)
    const { rows } = await control.query<{ body: RouteTable }>(
      'SELECT body FROM banyan_control.route_table',
    )
    expect(rows[0]!.body.extractions[0]).toMatchObject({
      extraction: 'notes',
      hold: null,
      targetBuckets: expect.stringMatching(/^0*$/),
    })
    const fact = (await forum.ledger('notes')).find((entry) => entry.what === 'abandoned')!
    expect(fact.detail).toMatchObject({
      buckets: 1024,
      reversePosition: expect.stringContaining('/'),
      lastHeard: expect.stringContaining('T'),
    })

    await other.start()
    await forum.waitFor(async () =>
      (await forum.ledger('notes')).some((entry) => entry.what === 'target closed'),
    )
    await expect(writeAll(target)).rejects.toMatchObject({ code: 'BN001' })
    expect((await abandon()).status).toBe(409)
    await notes('cancel')
    await reached('cancelled')
    expect(await leftovers(forum.source)).toEqual([])
    expect(await leftovers(target)).toEqual([])
  }, 60_000)

  it('is ended without it, and what it kept is forgotten when the move begins again', async () => {
    await target.query('TRUNCATE public.notes')
    await dieInHandover()
    await abandon()
    await reached('abandoned')
    await notes('cancel')
    await reached('cancelled')
    expect(await leftovers(forum.source)).toEqual([])
    await writeAll(forum.source)

    await other.start()
    expect(await leftovers(target)).not.toEqual([])
    await target
      .query('SET session_replication_role = replica; TRUNCATE public.notes')
      .catch(() => {})
    await notes('start')
    await forum.await((status) => status.waitsFor.includes('promote'), 'notes')
    expect((await notes('abandon', { confirm: 'notes' })).body).toMatchObject({
      code: 'TARGET_ANSWERS',
    })
    const count = 'SELECT count(*)::int AS n FROM public.notes'
    const [mine, theirs] = await Promise.all(
      [forum.source, target].map((pool) => pool.query(count)),
    )
    expect(theirs!.rows).toEqual(mine!.rows)
  }, 90_000)
})

describe('an extraction that is to be completed after another', () => {
  it('soaks until that one is completed, and says what it waits for', async () => {
    await forum.act('start')
    await forum.awaitPhase('soaking')
    expect((await forum.act('complete')).status).toBe(202)
    const waits = /^notes to be completed first \(completeAfter; it is canary\)$/
    await forum.await(({ waitsFor }) => waitsFor.length === 1 && waits.test(waitsFor[0]!))
    const why = (await forum.control('GET', '/v1/extractions/posts/why')).body as Why
    expect(why).toMatchObject({
      phase: 'soaking',
      next: expect.arrayContaining(['banyan rollback posts']),
    })
    // As if it had come so far by itself.
    await control.query(
      `UPDATE banyan_control.extraction SET phase = 'completed' WHERE name = 'notes'`,
    )
    await forum.awaitPhase('completed')
  }, 60_000)
})
