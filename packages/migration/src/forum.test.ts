import type { Gateway } from '@banyan/gateway'
import type { Pool } from '@banyan/postgres'
import { leftovers } from '@banyan/replication'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForumLoad } from './testing/forum-load.ts'
import { ForumSystem } from './testing/forum-system.ts'
import { bothSidesAreEqual, everyAcknowledgedWriteIsThereOnce } from './testing/forum-verdict.ts'

let forum: ForumSystem
let gateway: Gateway
let load: ReturnType<typeof startForumLoad> | undefined

beforeAll(async () => {
  forum = await ForumSystem.start()
  const engine = await forum.startEngine()
  gateway = await forum.startGateway('one', [engine.url])
})

afterAll(async () => {
  await load?.stop()
  await forum.stop()
})

describe('an application unlike the demonstration', () => {
  it('is moved live, back, and for good, with nothing lost, doubled or stale', async () => {
    const { source, target } = forum
    load = startForumLoad(`http://127.0.0.1:${gateway.publicPort}`, forum.users)
    expect((await forum.act('complete')).status).toBe(409)
    expect((await forum.act('start', { by: 'test' })).status).toBe(202)
    await forum.awaitPhase('soaking')

    const stray = source.query(
      `INSERT INTO public."Posts" ("authorId", "Title") VALUES (1, 'stray')`,
    )
    await expect(stray).rejects.toMatchObject({ code: 'BN001' })

    await forum.act('rollback', { by: 'test', why: 'to see it' })
    await forum.awaitPhase('rolled back')
    expect([await knownWhole(source), await knownWhole(target)]).toEqual([true, false])
    await forum.act('promote', { percent: 100 })
    await forum.awaitPhase('soaking')
    expect([await knownWhole(source), await knownWhole(target)]).toEqual([false, true])
    const { known, failures, stale, requests } = await load.stop()
    await forum.act('complete')
    const status = await forum.awaitPhase('completed')

    expect(failures).toEqual([])
    expect(stale).toEqual([])
    expect(requests).toBeGreaterThan(500)
    expect(status.refusals.source).toBeGreaterThanOrEqual(1)
    const done = status.handovers.filter((one) => one.outcome === 'done')
    expect(done.map((one) => one.to)).toEqual(['target', 'target', 'source', 'target'])

    await everyAcknowledgedWriteIsThereOnce(forum, known)
    await bothSidesAreEqual(forum)
    expect(await leftovers(source)).toEqual([])
    expect(await leftovers(target)).toEqual([])
    const ledger = await forum.control('GET', '/v1/extractions/posts/ledger')
    expect(ledger.body).toMatchObject({ verified: true })
    // Neither side is guarded any more, and the owner's numbers are whole again.
    await source.query(`INSERT INTO public."Posts" ("authorId", "Title") VALUES (1, 'free again')`)
    const { rows } = await target.query(
      `SELECT seqincrement AS increment FROM pg_sequence WHERE seqrelid = 'content.post_id_seq'::regclass`,
    )
    expect(rows).toEqual([{ increment: '1' }])
  }, 120_000)
})

/** Whether the guards of this side have been told that it owns every bucket. */
async function knownWhole(side: Pool): Promise<boolean> {
  const { rows } = await side.query(`SELECT pg_sequence_last_value('banyan.whole_1') AS since`)
  return rows[0].since !== null
}
