import { signIdentity } from '@banyan/contracts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Answer, type System, send, startSystem } from '../../testing/monolith.ts'
import { type Running, startProcess } from '../../testing/processes.ts'

const KEY = 'a key for these tests alone'
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
  ['GET', '/ada'],
  ['GET', '/ada', undefined, 'eve'],
  ['GET', '/ada/public', undefined, 'eve'],
  ['GET', '/nobody/public'],
  ['PUT', '/ada', { displayName: 'Not hers' }, 'eve'],
  ['PUT', '/ada', {}, 'eve'],
  ['PUT', '/ada', { displayName: 'Ada Lovelace' }],
  ['GET', '/me'],
  ['PUT', '/me', {}],
  ['PUT', '/me', { displayName: ' ', avatarUrl: 'https://example.org/page.html', extra: 1 }],
  ['PUT', '/me', 'not json'],
  ['DELETE', '/me'],
  ['GET', '/me/other'],
]

let system: System
let service: Running
beforeAll(async () => {
  system = await startSystem()
  service = await startProcess('services/profile/main.ts', {
    DATABASE_URL: await system.server.createDatabase('profile'),
    BUS_URL: await system.server.createDatabase('bus'),
    BANYAN_IDENTITY_KEY: KEY,
  })
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
  for (const [method, path, body, user = 'ada'] of STEPS) {
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
