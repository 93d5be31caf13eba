import { EmbeddedPostgres } from '@banyan/postgres'
import pg from 'pg'
import { expect, it } from 'vitest'
import { cookieValue } from './session.ts'
import { ALL, cleanUp, startGateway, table, upstream } from './testing.ts'

const settingOf = (databaseUrl: string) => ({
  kind: 'session' as const,
  cookie: 'sid',
  header: 'x-session',
  databaseUrl,
  query: 'SELECT user_id FROM sessions WHERE token = $1',
})

it('finds the owner of a session in the monolith’s database', async () => {
  const postgres = await EmbeddedPostgres.start()
  cleanUp(() => postgres.stop())
  const database = new pg.Client(postgres.url())
  await database.connect()
  cleanUp(() => database.end())
  await database.query(
    `CREATE TABLE sessions (token text PRIMARY KEY, user_id bigint NOT NULL);
     INSERT INTO sessions VALUES ('good/1', 9007199254740993)`,
  )
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const { url } = await startGateway({
    monolith: monolith.url,
    auth: settingOf(postgres.url()),
    table: table(monolith.url, service.url, 1, { targetBuckets: ALL }),
  })
  const get = async (headers: Record<string, string>) => {
    const answer = await fetch(`${url}/api/things`, { headers })
    return ((await answer.json()) as { side: string }).side
  }
  expect(await get({ cookie: 'a=b; sid=good%2F1' })).toBe('service')
  expect(service.seen[0]!.headers['x-user-id']).toBe('9007199254740993')
  expect(await get({ 'x-session': 'good/1' })).toBe('service')
  expect(await get({ cookie: 'sid=bad' })).toBe('monolith')
  expect(await get({})).toBe('monolith')
})

it('asks once for many requests of a session, never remembers an unknown one, and fails closed', async () => {
  const asked: string[] = []
  let sessions: Record<string, string> = {}
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const { url } = await startGateway({
    monolith: monolith.url,
    auth: settingOf('postgres://unused'),
    async lookUpSession(token) {
      asked.push(token)
      if (token === 'broken') throw new Error('the database is away')
      return sessions[token] ?? null
    },
    table: table(monolith.url, service.url, 1, { targetBuckets: ALL }),
  })
  const get = async (sid: string) => {
    const answer = await fetch(`${url}/api/things`, { headers: { cookie: `sid=${sid}` } })
    return { status: answer.status, ...((await answer.json()) as { side?: string; code?: string }) }
  }
  expect((await get('s')).side).toBe('monolith')
  sessions = { s: 'ann' }
  expect((await get('s')).side).toBe('service')
  expect((await get('s')).side).toBe('service')
  expect(asked).toEqual(['s', 's'])
  expect(await get('broken')).toMatchObject({ status: 503, code: 'UPSTREAM_UNREACHABLE' })
})

it('reads cookies as browsers send them', () => {
  expect(cookieValue('a=1; sid=x%3D1; sid=2', 'sid')).toBe('x=1')
  expect(cookieValue('sid="quoted"', 'sid')).toBe('quoted')
  expect(cookieValue('sid=%zz', 'sid')).toBe('%zz')
  for (const none of [undefined, '', 'xsid=1', 'sid', 'SID=1']) {
    expect(cookieValue(none, 'sid')).toBeUndefined()
  }
})
