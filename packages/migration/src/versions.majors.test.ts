import { leftovers } from '@banyan/replication'
import { expect, it } from 'vitest'
import { diagnose } from './doctor/index.ts'
import { startForumLoad } from './testing/forum-load.ts'
import { ForumSystem } from './testing/forum-system.ts'
import { bothSidesAreEqual, everyAcknowledgedWriteIsThereOnce } from './testing/forum-verdict.ts'

/** Source and target majors, as in `14-18`; `npm run test:versions` crosses more. */
const CROSSINGS = (process.env.BANYAN_CROSSINGS ?? '14-18').split(',').map((crossing) => {
  const [source, target] = crossing.split('-').map(Number)
  return { source: source!, target: target! }
})

/** What is looked at here is the databases, not how fast a loaded machine answers. */
const UNWATCHED = {
  steps: [
    { percent: 50, seconds: 0 },
    { percent: 100, seconds: 0 },
  ],
  soakSeconds: 0,
  shadow: { percent: 0 },
  gates: { minimumRequests: 5, latencyRatio: 1e6, lagMs: 1e5 },
}

/** Only superusers silence triggers on 14. */
const roles = (crossing: { source: number; target: number }) =>
  Math.min(crossing.source, crossing.target) > 14 ? { role: 'mover' } : {}

it.each(CROSSINGS)(
  'an application on PostgreSQL $source moves to a service on $target, back, and for good',
  async (crossing) => {
    const forum = await ForumSystem.start(UNWATCHED, { ...crossing, ...roles(crossing) })
    await moveThereBackAndForGood(forum)
    await forum.stop()
  },
  120_000,
)

it('the engine needs no superuser, only the rights that the doctor asks for', async () => {
  const forum = await ForumSystem.start(UNWATCHED, { source: 18, role: 'mover' })
  const found = await diagnose(forum.plan, 'posts')
  expect(found.filter((one) => one.check.startsWith('role-'))).toEqual([])
  await moveThereBackAndForGood(forum)
  await forum.stop()
}, 120_000)

async function moveThereBackAndForGood(forum: ForumSystem): Promise<void> {
  const { source, target } = forum
  const engine = await forum.startEngine()
  const gateway = await forum.startGateway('one', [engine.url])
  // Few, since two servers share the machine; what counts is who may do what, and that nothing is lost.
  const users = forum.users.slice(0, 6)
  const load = startForumLoad(`http://127.0.0.1:${gateway.publicPort}`, users)
  await forum.act('start', { by: 'test' })
  await forum.awaitPhase('soaking')
  const stray = source.query(`INSERT INTO public."Posts" ("authorId", "Title") VALUES (1, 'stray')`)
  await expect(stray).rejects.toMatchObject({ code: 'BN001' })
  await forum.act('rollback', { by: 'test', why: 'to see it' })
  await forum.awaitPhase('rolled back')
  await forum.act('promote', { percent: 100 })
  await forum.awaitPhase('soaking')
  const { known, stale } = await load.stop()
  await forum.act('complete')
  const status = await forum.awaitPhase('completed')

  expect(stale).toEqual([])
  const done = status.handovers.filter((one) => one.outcome === 'done')
  expect(done.map((one) => one.to)).toEqual(['target', 'target', 'source', 'target'])
  await everyAcknowledgedWriteIsThereOnce(forum, known)
  await bothSidesAreEqual(forum)
  expect(await leftovers(source)).toEqual([])
  expect(await leftovers(target)).toEqual([])
}
