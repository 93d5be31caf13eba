import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ForumSystem } from '../testing/forum-system.ts'

let forum: ForumSystem
let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'objects-with-rows-'))
  for (const side of ['source', 'target']) mkdirSync(join(root, side))
  forum = await ForumSystem.start({ steps: [{ percent: 100, seconds: 0, next: 'manual' }] })
  await forum.source.query(
    `CREATE TABLE public.attachment (id int PRIMARY KEY, author text NOT NULL, path text NOT NULL);
     CREATE INDEX ON public.attachment (author);
     INSERT INTO public.attachment SELECT n, 'u' || n % 9, 'a/' || n FROM generate_series(1, 50) n`,
  )
  await forum.target.query(
    `CREATE TABLE public.upload (id int PRIMARY KEY, author text NOT NULL, path text NOT NULL);
     CREATE INDEX ON public.upload (author)`,
  )
  mkdirSync(join(root, 'source/a'))
  for (let n = 1; n <= 50; n++) put('source', `a/${n}`, `file ${n}`)
  const rows = { key: 'path', owner: 'author' }
  forum.add({
    ...forum.posts,
    name: 'attachments',
    routes: [{ methods: [], path: '/api/attachments' }],
    tables: [{ source: 'public.attachment', target: 'public.upload', owner: 'author' }],
    objects: {
      source: { folder: join(root, 'source'), rows: { table: 'public.attachment', ...rows } },
      target: { folder: join(root, 'target'), rows: { table: 'public.upload', ...rows } },
    },
  })
  await forum.startEngine()
}, 60_000)
afterAll(async () => {
  await forum?.stop()
  rmSync(root, { recursive: true })
})

function put(side: 'source' | 'target', path: string, text: string): void {
  writeFileSync(join(root, side, path), text)
}
const content = (side: 'source' | 'target', path: string) =>
  existsSync(join(root, side, path)) ? readFileSync(join(root, side, path), 'utf8') : null
const handovers = async () => (await forum.status('attachments')).handovers

it('rows and the files they name change hands together, there and back', async () => {
  await forum.act('start', {}, 'attachments')
  await forum.awaitPhase('shadowing', 'attachments')
  const { objects } = await forum.await((one) => one.objects?.verified != null, 'attachments')
  expect(objects).toMatchObject({ state: 'in step', verified: { compared: 50, differing: 0 } })
  // A row whose file is not there: nothing moves before it is, or the row is gone.
  await forum.source.query(`INSERT INTO public.attachment VALUES (51, 'u1', 'a/51')`)
  await forum.await((one) => one.objects?.examples.length === 1, 'attachments')
  await forum.act('promote', { percent: 100 }, 'attachments')
  await forum.await(({ handovers: all }) => all.length > 0, 'attachments')
  const [refused] = await handovers()
  expect(refused).toMatchObject({ outcome: 'aborted' })
  expect(refused!.why).toContain('lists "a/51", and has no content for it')
  // As an upload does: the file, then its row.
  put('source', 'a/52', 'a late one')
  await forum.source.query(
    `DELETE FROM public.attachment WHERE id = 51; INSERT INTO public.attachment VALUES (52, 'u2', 'a/52')`,
  )
  await forum.await(
    ({ handovers: all }) => all.some((one) => one.outcome === 'done'),
    'attachments',
  )
  for (let n = 1; n <= 50; n++) expect(content('target', `a/${n}`)).toBe(`file ${n}`)
  expect(content('target', 'a/52')).toBe('a late one')

  put('target', 'a/53', 'made at the service')
  await forum.target.query(
    `INSERT INTO public.upload VALUES (53, 'u3', 'a/53'); DELETE FROM public.upload WHERE id = 1`,
  )
  await forum.act('rollback', { by: 'test', why: 'to see it' }, 'attachments')
  await forum.awaitPhase('rolled back', 'attachments')
  expect(content('source', 'a/53')).toBe('made at the service')
  expect(content('source', 'a/1')).toBe(null)
})
