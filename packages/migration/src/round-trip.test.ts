import { afterAll, beforeAll, expect, it } from 'vitest'
import { ForumSystem } from './testing/forum-system.ts'

let forum: ForumSystem
beforeAll(async () => {
  forum = await ForumSystem.start({ steps: [{ percent: 100, seconds: 0, next: 'manual' }] })
  const notes = 'CREATE TABLE public.notes (id int PRIMARY KEY, owner text, body text);'
  await forum.source.query(`${notes} INSERT INTO public.notes VALUES (1, 'u', ' Secret ')`)
  await forum.target.query(notes)
  const loses = {
    source: 'public.notes',
    target: 'public.notes',
    owner: 'owner',
    forward: { id: 'id', owner: 'owner', body: { from: ['body'], sql: 'btrim(body)' } },
    backward: { body: 'body' },
  }
  const extraction = {
    ...forum.posts,
    routes: [{ methods: [], path: '/api/notes' }],
  }
  forum.add({ ...extraction, name: 'quiet', tables: [loses] })
  forum.add({
    ...extraction,
    name: 'declared',
    routes: [{ methods: [], path: '/api/other-notes' }],
    tables: [{ ...loses, oneWay: { body: 'white space is of no use' } }],
  })
  await forum.startEngine()
}, 60_000)
afterAll(() => forum.stop())

it('a mapping that loses values does not begin, nothing of it is installed, and no real value is shown', async () => {
  await forum.act('start', {}, 'quiet')
  const { pausedWhy, phase } = await forum.await((status) => status.paused, 'quiet')
  expect(phase).toBe('copying')
  expect(pausedWhy).toMatch(/table public.notes, column "body": a row, .*' aaaaaa '.*'aaaaaa'/)
  expect(pausedWhy).not.toContain('Secret')
  const { rowCount } = await forum.source.query(
    `SELECT FROM pg_trigger WHERE tgrelid = 'public.notes'::regclass`,
  )
  expect(rowCount).toBe(0)
})

it('a mapping that says what it loses begins, and the status said it before', async () => {
  const before = await forum.await((status) => status.phase === 'planned', 'declared')
  expect(before.losesOnRollback).toEqual(['public.notes.body: white space is of no use'])
  await forum.act('start', {}, 'declared')
  const after = await forum.await((status) => status.copy.done, 'declared')
  expect(after.losesOnRollback).toEqual(['public.notes.body: white space is of no use'])
  expect(after.paused).toBe(false)
})
