import { fileURLToPath } from 'node:url'
import { checkRecorded, EventRegistry } from '@banyan/bus'
import { signIdentity } from '@banyan/contracts'
import { EmbeddedPostgres } from '@banyan/postgres'
import { defineService, newServiceKey, routeOptions, startService } from '@banyan/service'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { authApi } from '../auth/client.ts'
import { galleryEvents } from '../services/gallery/events.ts'
import gallery from '../services/gallery/service.ts'
import { mocEvents } from '../services/moc/events.ts'
import { profileEvents } from '../services/profile/events.ts'
import profile from '../services/profile/service.ts'
import { storageEvents } from '../services/storage/events.ts'
import { wishlistEvents } from '../services/wishlist/events.ts'
import wishlist from '../services/wishlist/service.ts'
import { send } from '../testing/monolith.ts'
import { eventually } from '../testing/processes.ts'

const KEY = 'a key for these tests alone'
const heard: { type: string; payload: Record<string, unknown> }[] = []

/** Hears all that the services say. */
const listener = defineService({
  name: 'listener',
  port: 0,
  title: 'Listener',
  database: { tables: {}, migrations: new URL('no-migrations', import.meta.url) },
  routes: {},
  reactions: (hear) =>
    hear({
      name: 'all',
      events: [...wishlistEvents, ...profileEvents, ...galleryEvents],
      async handler({ type, payload }) {
        heard.push({ type, payload })
      },
    }),
})

/** Knows everybody. */
const auth = defineService({
  name: 'auth',
  port: 0,
  title: 'Auth Service',
  routes: {
    [authApi.prefix]: (app) => {
      app.route({ ...routeOptions(authApi, 'getUser'), handler: ({ params }) => params })
    },
  },
})

let server: EmbeddedPostgres
const running: { url: string; stop(): Promise<void> }[] = []
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  const bus = await server.createDatabase('bus')
  const env = async (name: string) => ({
    PORT: '0',
    LOG_LEVEL: 'silent',
    BANYAN_IDENTITY_KEY: KEY,
    BUS_URL: bus,
    DATABASE_URL: await server.createDatabase(name),
  })
  running.push(await startService(listener, { env: await env('listener') }))
  running.push(await startService(wishlist, { env: await env('wishlist') }))
  const { privateJwk, publicJwk: profileJwk } = await newServiceKey('profile')
  const authEnv = {
    ...{ PORT: '0', LOG_LEVEL: 'silent', BANYAN_IDENTITY_KEY: KEY },
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [profileJwk] }),
  }
  const knowing = await startService(auth, { env: authEnv })
  const asking = { AUTH_URL: knowing.url, BANYAN_SIGNING_KEY: JSON.stringify(privateJwk) }
  running.push(await startService(profile, { env: { ...(await env('profile')), ...asking } }))
  const { publicJwk } = await newServiceKey('moc')
  const keys = { BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [publicJwk] }) }
  running.push(await startService(gallery, { env: { ...(await env('gallery')), ...keys } }))
  running.push(knowing)
  // What is said before it listens is not for it.
  await eventually('somebody listens', async () => {
    const { body } = await send(`${running[0]!.url}/health/ready`, 'GET', {})
    return body.checks.every((check: { ok: boolean }) => check.ok)
  })
})
afterAll(async () => {
  await Promise.all(running.map((one) => one.stop()))
  await server?.stop()
})

const as = (at: number, method: string, path: string, body?: unknown, headers = {}) => {
  const identity = signIdentity({ userId: 'ada', email: null, roles: ['moderator'] }, KEY)
  const signed = { 'x-banyan-identity': identity, ...headers }
  return send(`${running[at]!.url}/v1${path}`, method, signed, body)
}

const said = async (count: number) => {
  await eventually(`${count} events`, async () => heard.length >= count)
  return heard.splice(0)
}

it('the Wishlist Service says what it has written, in its order, and does a repeated POST once', async () => {
  const key = { 'idempotency-key': 'k-1' }
  const first = await as(1, 'POST', '/wishlist', { title: 'A' }, key)
  const again = await as(1, 'POST', '/wishlist', { title: 'A' }, key)
  expect([first.status, again.status]).toEqual([201, 201])
  expect(again.text).toBe(first.text)
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  const item = first.body
  await as(1, 'PATCH', `/wishlist/${item.id}`, { title: 'B' })
  await as(1, 'POST', '/wishlist/reorder', { itemIds: [item.id] })
  await as(1, 'POST', '/wishlist/reorder/debounced', { itemIds: [item.id] })
  await eventually('the order is applied', async () => {
    return !(await as(1, 'GET', '/wishlist/reorder/status')).body.pending
  })
  expect((await as(1, 'PATCH', `/wishlist/${item.id}`, {})).status).toBe(400)
  await as(1, 'DELETE', `/wishlist/${item.id}`)
  const ownerId = 'ada'
  const reordered = { type: 'wishlist.reordered', payload: { ownerId, itemCount: 1 } }
  expect(await said(5)).toMatchObject([
    { type: 'wishlist.item.created', payload: { ownerId, item } },
    { type: 'wishlist.item.updated', payload: { ownerId, item: { id: item.id, title: 'B' } } },
    reordered,
    reordered,
    { type: 'wishlist.item.deleted', payload: { ownerId, itemId: item.id } },
  ])
})

it('the Profile Service says what everybody may see of a profile', async () => {
  const avatarUrl = 'https://img.example.org/a.png'
  await as(2, 'PUT', '/users/me', { displayName: 'Ada', location: 'Billund' })
  await as(2, 'PUT', '/users/me', { displayName: 'Ada', avatarUrl })
  await as(2, 'DELETE', '/users/me')
  const events = await said(4)
  expect(events).toMatchObject([
    { type: 'profile.created', payload: { userId: 'ada', displayName: 'Ada', avatarUrl: null } },
    { type: 'profile.updated', payload: { avatarUrl } },
    { type: 'profile.avatar.changed', payload: { userId: 'ada', avatarUrl } },
    { type: 'profile.deleted', payload: { userId: 'ada' } },
  ])
  expect(JSON.stringify(events)).not.toContain('Billund')
})

it('the Gallery Service says what happens to images and albums, to the covers of others’ changes too', async () => {
  const imageUrl = 'https://img.example.org/a.png'
  const album = (await as(3, 'POST', '/albums', { title: 'Best' })).body
  const image = (await as(3, 'POST', '/images', { title: 'A', imageUrl, albumId: album.id })).body
  await as(3, 'PATCH', `/albums/${album.id}`, { coverImageId: image.id })
  const flag = (await as(3, 'POST', `/images/${image.id}/flags`, { reason: 'no brick' })).body
  await as(3, 'PATCH', `/flags/${flag.id}`, { status: 'upheld' })
  await as(3, 'PATCH', `/flags/${flag.id}`, { status: 'dismissed' })
  expect((await as(3, 'PATCH', `/images/${image.id}`, {})).status).toBe(400)
  await as(3, 'DELETE', `/images/${image.id}`)
  await as(3, 'DELETE', `/albums/${album.id}`)
  const [ownerId, imageId, albumId] = ['ada', image.id, album.id]
  expect(await said(8)).toMatchObject([
    { type: 'album.created', payload: { ownerId, albumId, album } },
    { type: 'image.uploaded', payload: { ownerId, imageId, image } },
    { type: 'album.updated', payload: { albumId, album: { coverImageId: imageId } } },
    { type: 'image.flagged', payload: { ownerId, imageId, reason: 'no brick' } },
    // Upheld it was hidden already; dismissed it is seen again.
    { type: 'image.updated', payload: { imageId, image: { flagged: false } } },
    { type: 'album.updated', payload: { albumId, album: { coverImageId: null } } },
    { type: 'image.deleted', payload: { ownerId, imageId } },
    { type: 'album.deleted', payload: { ownerId, albumId } },
  ])
})

it('what they say is as it was recorded, or compatible', () => {
  const folder = (name: string) =>
    fileURLToPath(new URL(`../services/${name}/events`, import.meta.url))
  expect(checkRecorded(new EventRegistry(wishlistEvents), folder('wishlist'))).toEqual([])
  expect(checkRecorded(new EventRegistry(profileEvents), folder('profile'))).toEqual([])
  expect(checkRecorded(new EventRegistry(galleryEvents), folder('gallery'))).toEqual([])
  expect(checkRecorded(new EventRegistry(mocEvents), folder('moc'))).toEqual([])
  expect(checkRecorded(new EventRegistry(storageEvents), folder('storage'))).toEqual([])
})

it('both describe failures as their clients know them', async () => {
  const { body } = await send(`${running[2]!.url}/openapi.json`, 'GET', {})
  const { responses } = body.paths['/v1/users/{id}'].put
  const { schema } = responses.default.content['application/json']
  expect(schema.properties.error.required).toEqual(['code', 'message'])
})
