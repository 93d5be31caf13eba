import type { Gateway } from '@banyan/gateway'
import { leftovers } from '@banyan/replication'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForumLoad } from './testing/forum-load.ts'
import { ForumSystem, OLD_POSTS } from './testing/forum-system.ts'

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
    await forum.act('promote', { percent: 100 })
    await forum.awaitPhase('soaking')
    const { known, failures, stale, requests } = await load.stop()
    await forum.act('complete')
    const status = await forum.awaitPhase('completed')

    expect(failures).toEqual([])
    expect(stale).toEqual([])
    expect(requests).toBeGreaterThan(500)
    expect(status.refusals.source).toBeGreaterThanOrEqual(1)
    const done = status.handovers.filter((one) => one.outcome === 'done')
    expect(done.map((one) => one.to)).toEqual(['target', 'target', 'source', 'target'])

    await everyAcknowledgedWriteIsThereOnce(known)
    await bothSidesAreEqual()
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

async function everyAcknowledgedWriteIsThereOnce(
  known: Map<string, Map<string, string>>,
): Promise<void> {
  const { rows } = await forum.target.query<{ id: string; author: string; title: string }>(
    'SELECT id::text, author_id::text AS author, title FROM content.post WHERE id > $1 ORDER BY id::text',
    [OLD_POSTS],
  )
  const acknowledged = [...known].flatMap(([author, posts]) =>
    [...posts].map(([id, title]) => ({ id, author, title })),
  )
  expect(rows).toEqual(acknowledged.sort((a, b) => (a.id < b.id ? -1 : 1)))
}

async function bothSidesAreEqual(): Promise<void> {
  const digest = (columns: string, table: string) =>
    `SELECT count(*)::int AS n, sum(hashtextextended(t::text, 0))::text AS hash FROM (SELECT ${columns} FROM ${table}) t`
  const posts = await forum.source.query(
    digest('"Id", "authorId", "Title", body, "createdAt"', 'public."Posts"'),
  )
  const tags = await forum.source.query(
    digest('"postId", "tagId", "authorId"', 'public."PostTags"'),
  )
  const newPosts = await forum.target.query(
    digest('id, author_id, title, text, created_at', 'content.post'),
  )
  const newTags = await forum.target.query(digest('post_id, tag_id, author_id', 'content.post_tag'))
  expect(newPosts.rows).toEqual(posts.rows)
  expect(newTags.rows).toEqual(tags.rows)
}
