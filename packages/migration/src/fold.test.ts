import { afterAll, beforeAll, expect, it } from 'vitest'
import { diagnose } from './doctor/index.ts'
import { previewSteps } from './preview/index.ts'
import { ForumSystem } from './testing/forum-system.ts'

let forum: ForumSystem
beforeAll(async () => {
  forum = await ForumSystem.start({ steps: [{ percent: 100, seconds: 0, next: 'manual' }] })
  await forum.source.query(
    `CREATE TABLE public.post (id int PRIMARY KEY, author text NOT NULL);
     CREATE INDEX ON public.post (author);
     CREATE TABLE public.post_tags (post_id int REFERENCES public.post, tag text, PRIMARY KEY (post_id, tag));
     INSERT INTO public.post SELECT n, 'u' || n % 9 FROM generate_series(1, 300) n;
     INSERT INTO public.post_tags SELECT n, t FROM generate_series(1, 300) n, unnest('{a,b}'::text[]) t`,
  )
  await forum.target.query(
    `CREATE TABLE public.article (id int PRIMARY KEY, author text NOT NULL, tags jsonb NOT NULL DEFAULT '[]');
     CREATE INDEX ON public.article (author)`,
  )
  forum.add({
    ...forum.posts,
    name: 'articles',
    routes: [{ methods: [], path: '/api/articles' }],
    tables: [
      { source: 'public.post', target: 'public.article', owner: 'author' },
      {
        source: 'public.post_tags',
        target: 'public.article',
        owner: { through: 'post_id', parent: 'public.post' },
        fold: { into: 'tags', parent: { post_id: 'id' }, key: ['tag'] },
      },
    ],
  })
  await forum.startEngine()
}, 60_000)
afterAll(() => forum.stop())

it('a plan that folds a table is found sound, shown, copied, verified and moved there and back', async () => {
  const findings = await diagnose(forum.plan, 'articles')
  const errors = findings.filter((one) => one.severity === 'error')
  expect(errors.filter((one) => /mapping|owner/.test(one.check))).toEqual([])
  const steps = await previewSteps(forum.plan, 'articles')
  expect(JSON.stringify(steps)).toContain('its rows become elements of \\"tags\\"')

  await forum.act('start', {}, 'articles')
  const status = await forum.await((one) => one.paused || one.verify.runs > 0, 'articles')
  expect(status.pausedWhy).toBeNull()
  expect(status.verify).toMatchObject({ divergent: 0 })
  const { rows } = await forum.target.query(
    'SELECT count(*)::int AS posts, sum(jsonb_array_length(tags))::int AS tags FROM public.article',
  )
  expect(rows).toEqual([{ posts: 300, tags: 600 }])

  await forum.act('promote', { percent: 100 }, 'articles')
  await forum.await((one) => one.handovers.some((done) => done.outcome === 'done'), 'articles')
  const stray = forum.source.query(`INSERT INTO public.post_tags VALUES (1, 'stray')`)
  await expect(stray).rejects.toMatchObject({ code: 'BN001' })
  await forum.target.query(
    `UPDATE public.article SET tags = '[{"tag": "b"}, {"tag": "new"}]' WHERE id = 1`,
  )
  await forum.act('rollback', { by: 'test', why: 'to see it' }, 'articles')
  await forum.awaitPhase('rolled back', 'articles')
  // Open again, where it was refused.
  await forum.source.query(`INSERT INTO public.post_tags VALUES (2, 'open')`)
  const tags = await forum.source.query(
    'SELECT post_id, tag FROM public.post_tags WHERE post_id < 3 ORDER BY 1, 2',
  )
  expect(tags.rows).toEqual([
    { post_id: 1, tag: 'b' },
    { post_id: 1, tag: 'new' },
    { post_id: 2, tag: 'a' },
    { post_id: 2, tag: 'b' },
    { post_id: 2, tag: 'open' },
  ])
})
