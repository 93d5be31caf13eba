import { EmbeddedPostgres, freePort } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import notes from '../example/service.ts'
import { startService } from './index.ts'
import { notesEnv, startNotes } from './testing/notes.ts'
import { ask, eventually } from './testing/requests.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server?.stop())

const statusOf = (url: string) =>
  ask(url).then(
    ({ status }) => status,
    () => null,
  )

it('lives, is not ready, and says so, until its database is there', async () => {
  const PORT = String(await freePort())
  const env = { ...(await notesEnv(server)), PORT, LOG_LEVEL: 'warn' }
  const url = `http://127.0.0.1:${PORT}`
  const lines: string[] = []
  await server.kill()
  const starting = startService(notes, { env, writeLog: (line) => lines.push(line) })
  await eventually('it lives', async () => (await statusOf(`${url}/health/live`)) === 200)
  expect(await ask(`${url}/health/ready`)).toMatchObject({
    status: 503,
    body: { status: 'starting', checks: [{ name: 'database', ok: false }] },
  })
  expect(await ask(`${url}/v1/notes`, { user: 'ada' })).toMatchObject({
    status: 503,
    body: { code: 'UNAVAILABLE' },
  })
  expect(JSON.parse(lines[0]!)).toMatchObject({
    msg: 'the database is away; waiting for it',
    leftMs: expect.any(Number),
  })
  await server.start()
  const running = await starting
  expect((await ask(`${url}/health/ready`)).status).toBe(200)
  await running.stop()
})

it('ends when the database does not come, and at once when waiting would not help', async () => {
  const PORT = String(await freePort())
  const away = { PORT, DATABASE_URL: 'postgres://127.0.0.1:1/notes' }
  await expect(startNotes(server, { ...away, START_WAIT_MS: '150' })).rejects.toThrow(
    'ECONNREFUSED',
  )
  expect(await statusOf(`http://127.0.0.1:${PORT}/health`)).toBeNull()
  const unknown = startNotes(server, { DATABASE_URL: server.url('none') })
  await expect(unknown).rejects.toThrow('"none" does not exist')
})
