import { signIdentity } from '@banyan/contracts'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Answer, type System, send, startSystem } from '../../testing/monolith.ts'
import { eventually, type Running, startProcess } from '../../testing/processes.ts'

const KEY = 'a key for these tests alone'
const NOBODY = '3f2b8c1e-7d52-4f0a-9c64-1a2b3c4d5e6f'
const WHOLE = {
  displayName: '  Ada ',
  bio: 'bricks, "only"\n',
  avatarUrl: 'https://img.example.org/a.PNG?x=1',
  location: 'Billund',
  preferences: { theme: 'dark', perPage: 20, mail: false },
}

const STEPS: readonly (readonly [method: string, path: string, body?: unknown, user?: string])[] = [
  ['GET', '/me'],
  ['PUT', '/me', WHOLE],
  ['GET', '/me'],
  ['GET', '/$ada'],
  ['GET', '/$ada', undefined, 'eve'],
  ['GET', '/$ada/public', undefined, 'eve'],
  ['GET', '/nobody/public'],
  ['PUT', '/$ada', { displayName: 'Not hers' }, 'eve'],
  ['PUT', '/$ada', {}, 'eve'],
  ['PUT', '/$ada', { displayName: 'Ada Lovelace' }],
  ['GET', '/me'],
  ['PUT', '/me', {}],
  ['PUT', '/me', { displayName: ' ', avatarUrl: 'https://example.org/page.html', extra: 1 }],
  ['PUT', '/me', 'not json'],
  ['GET', '/me/other'],
]

let system: System
let service: Running
let database: string
let env: Record<string, string>
/** Of users whom the Auth Service knows. */
const ids: Record<string, string> = {}
beforeAll(async () => {
  system = await startSystem()
  database = await system.server.createDatabase('profile')
  for (const name of ['ada', 'eve', 'new']) ids[name] = await system.addUser()
  env = {
    ...system.profileEnv(),
    DATABASE_URL: database,
    BUS_URL: await system.server.createDatabase('bus'),
    BANYAN_IDENTITY_KEY: KEY,
  }
  service = await startProcess('services/profile/main.ts', env)
})
afterAll(async () => {
  await service?.end()
  await system?.stop()
})

/** Without the moments, which differ by a few milliseconds, and the order of members. */
function seen({ status, body }: Answer): unknown {
  const { createdAt, updatedAt, ...rest } = (body ?? {}) as Record<string, unknown>
  return { status, rest, timed: [createdAt, updatedAt].map((one) => typeof one) }
}

it('answers every request as the monolith does', async () => {
  for (const [method, given, body, name = 'ada'] of STEPS) {
    const user = ids[name]!
    const path = given.replace('$ada', ids.ada!)
    const token = await system.token(user)
    const identity = signIdentity({ userId: user, email: null, roles: [] }, KEY)
    const [before, now] = await Promise.all([
      send(
        `${system.monolith.url}/api/users${path}`,
        method,
        { authorization: `Bearer ${token}` },
        body,
      ),
      send(`${service.url}/v1/users${path}`, method, { 'x-banyan-identity': identity }, body),
    ])
    expect({ method, path, ...(seen(now) as object) }).toEqual({
      method,
      path,
      ...(seen(before) as object),
    })
  }
})

it('lets nobody in whom the gateway has not named', async () => {
  expect((await send(`${service.url}/v1/users/me`, 'GET', {})).status).toBe(401)
})

const asUser = (user: string, method: string, path: string, body?: unknown) => {
  const identity = signIdentity({ userId: user, email: null, roles: [] }, KEY)
  return send(`${service.url}/v1/users${path}`, method, { 'x-banyan-identity': identity }, body)
}
const inDatabase = async <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []) => {
  const client = new pg.Client(database)
  await client.connect()
  const { rows } = await client.query<Row>(sql, values).finally(() => client.end())
  return rows
}
const publicName = async (id: string) =>
  (await asUser(ids.eve!, 'GET', `/${id}/public`)).body.displayName
const hits = async () => {
  const { text } = await send(`${service.url}/metrics`, 'GET', {})
  return Number(text.match(/cache_reads_total\{cache="public",result="hit",.*\} (\d+)/)?.[1] ?? 0)
}

it('answers public profiles from its cache, and at once what their user, or whoever else, changed', async () => {
  const { ada } = ids as { ada: string }
  const answersFromCache = (name: string) =>
    eventually('it answers from the cache', async () => {
      const before = await hits()
      expect(await publicName(ada)).toBe(name)
      return (await hits()) > before
    })
  await asUser(ada, 'PUT', '/me', { displayName: 'Cached' })
  await answersFromCache('Cached')
  await asUser(ada, 'PUT', '/me', { displayName: 'Ada again' })
  expect(await publicName(ada)).toBe('Ada again')
  // As replication writes.
  await inDatabase(
    `SET session_replication_role = replica; UPDATE profile.profiles SET display_name = 'Moved'`,
  )
  await eventually('it is seen', async () => (await publicName(ada)) === 'Moved')
  await answersFromCache('Moved')
  await inDatabase('TRUNCATE profile.profiles')
  await eventually('all are gone', async () => (await publicName(ada)) === undefined)
  await asUser(ada, 'PUT', '/me', { displayName: 'Ada' })
})

it('deletes the profile of its user, once, and that of nobody else', async () => {
  const { eve, ada } = ids as { eve: string; ada: string }
  await asUser(eve, 'PUT', '/me', { displayName: 'Eve' })
  expect(await publicName(eve)).toBe('Eve')
  expect((await asUser(ada, 'DELETE', `/${eve}`)).status).toBe(403)
  expect((await asUser(eve, 'DELETE', '/me')).status).toBe(204)
  expect((await asUser(eve, 'GET', `/${eve}/public`)).status).toBe(404)
  expect((await asUser(eve, 'DELETE', '/me')).status).toBe(404)
})

it('makes no profile for a user whom the Auth Service does not know', async () => {
  for (const stranger of ['ada', NOBODY]) {
    expect(await asUser(stranger, 'PUT', '/me', { displayName: 'X' })).toMatchObject({
      status: 403,
      body: { error: { code: 'UNKNOWN_USER', message: expect.stringContaining(stranger) } },
    })
    expect((await asUser(stranger, 'GET', '/me')).status).toBe(404)
  }
})

it('is told by the Auth Service what nobody else is', async () => {
  for (const headers of [{}, { 'x-banyan-service-token': 'eyJhbGciOiJub25lIn0.e30.' }]) {
    const url = `${system.auth.url}/internal/v1/users`
    expect((await send(`${url}/${ids.ada}`, 'GET', headers)).status).toBe(401)
    expect((await send(`${url}/known`, 'POST', headers, { ids: [ids.ada] })).status).toBe(401)
  }
})

it('lets profiles be read and changed while the Auth Service is away, and makes none', async () => {
  await system.killAuth()
  expect((await asUser(ids.ada!, 'PUT', '/me', { displayName: 'Ada' })).status).toBe(200)
  expect(await publicName(ids.ada!)).toBe('Ada')
  expect(await asUser(ids.new!, 'PUT', '/me', { displayName: 'New' })).toMatchObject({
    status: 503,
    body: { error: { code: 'AUTH_UNAVAILABLE' } },
  })
  await system.startAuth()
  await eventually('it is asked again', async () => {
    return (await asUser(ids.new!, 'PUT', '/me', { displayName: 'New' })).status === 200
  })
})

it('removes a profile whose user is gone, and none while the Auth Service is away or has lost them all', async () => {
  const insert = (sql: string) =>
    inDatabase(`INSERT INTO profile.profiles (user_id, display_name) ${sql}`)
  const count = async () =>
    (await inDatabase<{ n: number }>('SELECT count(*)::int AS n FROM profile.profiles'))[0]!.n
  await insert(`VALUES ('${NOBODY}', 'Orphan')`)
  expect(await count()).toBe(3)
  await service.end()
  await system.killAuth()
  const eager = { ...env, ORPHAN_SEARCH_MS: '100', ORPHAN_GRACE_MS: '0' }
  service = await startProcess('services/profile/main.ts', eager)
  await eventually('it was tried', async () => service.log().includes('is tried again'))
  expect(await count()).toBe(3)
  await system.startAuth()
  await eventually('the orphan is gone', async () => (await count()) === 2)
  expect(await inDatabase('SELECT FROM profile.orphans')).toEqual([])
  await insert(`SELECT gen_random_uuid(), 'Orphan' FROM generate_series(1, 20)`)
  await eventually('it says so', async () =>
    service.log().includes('too many users to be believed'),
  )
  expect(await count()).toBe(22)
})
