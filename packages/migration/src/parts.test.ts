import { afterAll, beforeAll, expect, it } from 'vitest'
import { diagnose } from './doctor/index.ts'
import { previewSteps } from './preview/index.ts'
import { ForumSystem } from './testing/forum-system.ts'

let forum: ForumSystem
beforeAll(async () => {
  forum = await ForumSystem.start({ steps: [{ percent: 100, seconds: 0, next: 'manual' }] })
  await forum.source.query(
    `CREATE TABLE public.person (id serial PRIMARY KEY, owner text NOT NULL, name text, bio text);
     CREATE INDEX ON public.person (owner);
     INSERT INTO public.person (owner, name, bio) SELECT 'u' || n % 9, 'n' || n, CASE n % 2 WHEN 0 THEN 'b' END FROM generate_series(1, 500) n`,
  )
  await forum.target.query(
    `CREATE TABLE public.account (id serial PRIMARY KEY, owner text NOT NULL, name text);
     CREATE INDEX ON public.account (owner);
     CREATE TABLE public.profile (id int PRIMARY KEY REFERENCES public.account, owner text NOT NULL, bio text NOT NULL);
     CREATE INDEX ON public.profile (owner)`,
  )
  forum.add({
    ...forum.posts,
    name: 'people',
    routes: [{ methods: [], path: '/api/people' }],
    tables: [
      {
        source: 'public.person',
        target: 'public.account',
        owner: 'owner',
        forward: { id: 'id', owner: 'owner', name: 'name' },
      },
      {
        source: 'public.person',
        target: 'public.profile',
        owner: 'owner',
        part: { of: 'source', where: { from: ['bio'], sql: 'bio IS NOT NULL' } },
        forward: { id: 'id', owner: 'owner', bio: 'bio' },
      },
    ],
  })
  await forum.startEngine()
}, 60_000)
afterAll(() => forum.stop())

it('a plan that splits a table is found sound, shown, copied and verified', async () => {
  const findings = await diagnose(forum.plan, 'people')
  const errors = findings.filter((one) => one.severity === 'error')
  expect(errors.filter((one) => one.check.startsWith('mapping'))).toEqual([])
  expect(new Set(findings.map((one) => JSON.stringify(one))).size).toBe(findings.length)
  const [install] = await previewSteps(forum.plan, 'people')
  expect(install!.does.filter((line) => line.includes('triggers'))).toHaveLength(1)

  await forum.act('start', {}, 'people')
  const status = await forum.await((one) => one.paused || one.verify.runs > 0, 'people')
  expect(status.pausedWhy).toBeNull()
  expect(status.verify).toMatchObject({ divergent: 0 })
  const { rows } = await forum.target.query(
    'SELECT (SELECT count(*) FROM public.account)::int AS accounts, (SELECT count(*) FROM public.profile)::int AS profiles',
  )
  expect(rows).toEqual([{ accounts: 500, profiles: 250 }])
})
