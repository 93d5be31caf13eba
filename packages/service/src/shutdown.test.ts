import { request } from 'node:http'
import { EmbeddedPostgres } from '@banyan/postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { notesEnv } from './testing/notes.ts'
import { startProcess } from './testing/processes.ts'
import { ask, eventually } from './testing/requests.ts'

const MAIN = new URL('../example/main.ts', import.meta.url)

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server?.stop())

it('answers what it has begun, takes nothing new, and ends with 0 on SIGTERM', async () => {
  const env = { ...(await notesEnv(server)), DRAIN_DELAY_MS: '300' }
  const url = env.DATABASE_URL
  const service = await startProcess(MAIN, env)
  const blocker = new pg.Client(url)
  await blocker.connect()
  await blocker.query('BEGIN; LOCK TABLE notes.notes')
  const waiting = ask(`${service.url}/v1/notes`, { user: 'ada', body: { body: 'last words' } })
  await eventually('the insert waits for the lock', async () => {
    const { rows } = await blocker.query(`SELECT FROM pg_locks WHERE NOT granted`)
    return rows.length > 0
  })

  service.signal('SIGTERM')
  await eventually('it is not ready', async () => {
    return (await ask(`${service.url}/health/ready`)).status === 503
  })
  await eventually('it takes no new connection', () => refused(service.url))
  await blocker.query('COMMIT')
  const answer = await waiting
  expect(answer).toMatchObject({ status: 201, body: { body: 'last words' } })
  // Kept by its client, the connection would hold the process up until the deadline.
  expect(answer.headers.get('connection')).toBe('close')
  expect(await service.ended).toBe(0)
  const { rows } = await blocker.query('SELECT body FROM notes.notes')
  expect(rows).toEqual([{ body: 'last words' }])
  await blocker.end()
})

it('ends with 1 and says why when its settings are not valid', async () => {
  const failure = startProcess(MAIN, { DATABASE_URL: 'mysql://x', BANYAN_IDENTITY_KEY: '' })
  await expect(failure).rejects.toThrow(
    /ended with code 1:\nnotes: 3 settings are not valid:\n {2}BANYAN_IDENTITY_KEY is not set.*\n {2}DATABASE_URL: .*\n {2}BUS_URL is not set: must be a URL of one of postgres/,
  )
})

/** On a connection of its own: those that are kept are answered to the end. */
function refused(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asking = request(`${url}/health`, { agent: false }, (answer) => {
      answer.resume()
      resolve(false)
    })
    asking.once('error', () => resolve(true))
    asking.end()
  })
}
