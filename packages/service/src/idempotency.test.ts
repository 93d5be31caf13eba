import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startNotes } from './testing/notes.ts'
import { type Answer, ask, eventually } from './testing/requests.ts'

let server: EmbeddedPostgres
let service: Awaited<ReturnType<typeof startNotes>>
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  service = await startNotes(server)
})
afterAll(async () => {
  await service?.stop()
  await server?.stop()
})

const write = (key: string, body: string, user = 'ada'): Promise<Answer> =>
  ask(`${service.url}/v1/notes`, { user, body: { body }, headers: { 'idempotency-key': key } })

async function count(body: string): Promise<number> {
  const { rows } = await service.context.pool.query(
    'SELECT count(*)::int AS n FROM notes.notes WHERE body = $1',
    [body],
  )
  return rows[0].n
}

it('does the work of a request once, and answers it the same, byte for byte', async () => {
  const first = await write('k1', 'once')
  const second = await write('k1', 'once')
  expect(first.status).toBe(201)
  expect(first.headers.has('idempotency-replayed')).toBe(false)
  expect(second.headers.get('idempotency-replayed')).toBe('true')
  expect({ ...second, headers: null }).toEqual({ ...first, headers: null })
  expect(second.headers.get('content-type')).toBe(first.headers.get('content-type'))
  expect(await count('once')).toBe(1)
})

it('refuses another request under the same key, and keeps the keys of users apart', async () => {
  await write('k2', 'mine')
  expect(await write('k2', 'other')).toMatchObject({ status: 422, body: { code: 'KEY_REUSED' } })
  expect((await write('k2', 'hers', 'eve')).status).toBe(201)
  expect(await write('a key', 'x')).toMatchObject({ status: 400 })
  expect(await count('other')).toBe(0)
})

it('answers 409 while the first request runs, and leaves nothing of one that fails', async () => {
  const { pool } = service.context
  const blocker = await pool.connect()
  await blocker.query('BEGIN; LOCK TABLE notes.notes')
  const first = write('k3', 'slow')
  await eventually('the insert waits', async () => {
    const { rows } = await pool.query('SELECT FROM pg_locks WHERE NOT granted')
    return rows.length > 0
  })
  expect(await write('k3', 'slow')).toMatchObject({ status: 409, body: { code: 'KEY_IN_FLIGHT' } })
  const { rows } = await blocker.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
  )
  expect(rows).toHaveLength(1)
  await blocker.query('COMMIT')
  blocker.release()
  expect(await first).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } })
  expect((await write('k3', 'slow')).status).toBe(201)
  expect(await count('slow')).toBe(1)
})

it('does the work once though twenty ask at the same time', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => write('k4', 'storm')))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 409]))
  expect(await count('storm')).toBe(1)
})

it('forgets keys that are over, two with each new one', async () => {
  const { pool } = service.context
  await write('k5', 'again')
  await pool.query(`UPDATE notes.idempotency_keys SET expires_at = now()`)
  const before = await pool.query('SELECT FROM notes.idempotency_keys')
  expect((await write('k5', 'again')).headers.has('idempotency-replayed')).toBe(false)
  expect(await count('again')).toBe(2)
  const after = await pool.query('SELECT FROM notes.idempotency_keys')
  expect(after.rowCount).toBe(before.rowCount! - 2)
})

it('keeps what the work came to, where the answer is more than that', async () => {
  const { context } = service
  const asking = (body: string) => ({
    method: 'POST',
    url: '/v1/orders',
    headers: { 'idempotency-key': 'k6' },
    routeOptions: { url: '/v1/orders' } as never,
    body: { body },
  })
  let done = 0
  const order = async () => ({ order: ++done })
  expect(await context.doOnce(asking('one'), order)).toEqual({ order: 1 })
  expect(await context.doOnce(asking('one'), order)).toEqual({ order: 1 })
  await expect(context.doOnce(asking('two'), order)).rejects.toMatchObject({ code: 'KEY_REUSED' })
  expect(done).toBe(1)
  const unkeyed = { ...asking('one'), headers: {} }
  expect(await context.doOnce(unkeyed, order)).toEqual({ order: 2 })
})
