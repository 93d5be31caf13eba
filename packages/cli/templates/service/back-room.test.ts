import { ask, asUser, eventually, startForTest } from '@banyan/service/testing'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { backRoomApi } from './client.ts'
import { StoredThingAdded } from './events.ts'
import definition from './service.ts'

// A database server is started; on a busy machine that takes longer than Vitest waits by itself.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const start = async () => {
  const service = await startForTest(definition)
  return { ...service, call: service.client(backRoomApi) }
}

let service: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  service = await start()
})
afterAll(() => service?.stop())

const add = (user: string, title: string) => service.call.add({ body: { title } }, asUser(user))
const answered = (status: number, code: string) => ({ answer: { status, code } })

it('keeps what its user adds, changes it, and gives it up', async () => {
  const added = await add('ada', '  first ')
  expect(added.title).toBe('first')
  const params = { id: added.id }
  expect(await service.call.get({ params }, asUser('ada'))).toEqual(added)
  const changed = await service.call.change({ params, body: { title: 'other' } }, asUser('ada'))
  expect(changed).toMatchObject({ id: added.id, title: 'other', createdAt: added.createdAt })
  expect(await service.call.remove({ params }, asUser('ada'))).toBeNull()
  await expect(service.call.get({ params }, asUser('ada'))).rejects.toMatchObject(
    answered(404, 'NOT_FOUND'),
  )
})

it('lists page by page, each once, though more are added meanwhile', async () => {
  for (const title of ['a', 'b', 'c']) await add('lister', title)
  const titles: string[] = []
  let cursor: string | undefined
  do {
    const query = { limit: 2, ...(cursor ? { cursor } : {}) }
    const page = await service.call.list({ query }, asUser('lister'))
    titles.push(...page.items.map(({ title }) => title))
    if (cursor === undefined) await add('lister', 'd')
    cursor = page.next ?? undefined
  } while (cursor)
  expect(titles).toEqual(['a', 'b', 'c', 'd'])
})

it('adds once under one Idempotency-Key, and refuses another request under it', async () => {
  const once = { ...asUser('twice'), idempotencyKey: 'key-1' }
  const first = await service.call.add({ body: { title: 'x' } }, once)
  expect(await service.call.add({ body: { title: 'x' } }, once)).toEqual(first)
  expect((await service.call.list({}, asUser('twice'))).items).toEqual([first])
  await expect(service.call.add({ body: { title: 'y' } }, once)).rejects.toMatchObject(
    answered(422, 'KEY_REUSED'),
  )
})

it('says what was added to whoever hears it, and counts it itself', async () => {
  const heard = await service.hear(StoredThingAdded)
  const { id } = await add('speaker', 'loud')
  await eventually('another service hears it', () => heard.length > 0)
  expect(heard[0]).toMatchObject({
    source: 'back-room',
    key: 'speaker',
    payload: { id, ownerId: 'speaker', title: 'loud' },
  })
  await eventually('it is counted', async () => {
    return (await service.call.summarize({}, asUser('speaker'))).added === 1
  })
})

it('neither keeps nor says what was not committed', async () => {
  const heard = await service.hear(StoredThingAdded)
  const { pool } = service.context
  // Stands for whatever fails after the row and the event were written.
  await pool.query(
    'ALTER TABLE back_room.idempotency_keys ADD CONSTRAINT no CHECK (false) NOT VALID',
  )
  const keyed = { ...asUser('unlucky'), idempotencyKey: 'key-2', timeoutMs: 30_000 }
  await expect(service.call.add({ body: { title: 'lost' } }, keyed)).rejects.toMatchObject(
    answered(500, 'INTERNAL'),
  )
  await pool.query('ALTER TABLE back_room.idempotency_keys DROP CONSTRAINT no')
  await add('unlucky', 'kept')
  await eventually('what was committed is heard', () => heard.length > 0)
  expect(heard.map(({ payload }) => payload.title)).toEqual(['kept'])
  expect((await service.call.list({}, asUser('unlucky'))).items).toHaveLength(1)
})

it('says what is wrong with a request, and lets nobody see what is another’s', async () => {
  const { id } = await add('ada', 'mine')
  const { call } = service
  const body = { title: 'hers' }
  const refuses = (refused: Promise<unknown>, status: number, code: string) =>
    expect(refused).rejects.toMatchObject(answered(status, code))
  await refuses(call.list(), 401, 'UNAUTHENTICATED')
  await refuses(call.get({ params: { id } }, asUser('eve')), 404, 'NOT_FOUND')
  await refuses(call.change({ params: { id }, body }, asUser('eve')), 404, 'NOT_FOUND')
  await refuses(call.remove({ params: { id } }, asUser('eve')), 404, 'NOT_FOUND')
  const ada = asUser('ada')
  await refuses(call.add({ body: { title: ' ' } }, ada), 400, 'VALIDATION')
  await refuses(call.change({ params: { id }, body: {} }, ada), 400, 'VALIDATION')
  await refuses(call.get({ params: { id: 'none' } }, ada), 400, 'VALIDATION')
  await refuses(call.list({ query: { limit: 1_000 } }, ada), 400, 'VALIDATION')
  await refuses(call.list({ query: { cursor: 'none' } }, ada), 400, 'BAD_REQUEST')
})

it('is ready, and describes itself', async () => {
  expect(await ask(`${service.url}/health/ready`)).toMatchObject({
    status: 200,
    body: { status: 'ready' },
  })
  const { body } = await ask(`${service.url}/openapi.json`)
  expect(body).toMatchObject({ info: { title: 'Back Room Service' } })
})
