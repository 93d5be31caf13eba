import { signIdentity } from '@banyan/contracts'
import { newServiceKey, startService } from '@banyan/service'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import gallery from '../services/gallery/service.ts'
import moc from '../services/moc/service.ts'
import { type Answer, type System, send, startSystem } from '../testing/monolith.ts'
import { eventually, type Running, startProcess } from '../testing/processes.ts'
import { gallerySteps } from './parity-steps/gallery.ts'
import { mocSteps } from './parity-steps/mocs.ts'
import { NOBODYS, type Step } from './parity-steps/step.ts'
import { wishlistSteps } from './parity-steps/wishlist.ts'

const KEY = 'a key for these tests alone'

type Ask = (user: string | null, method: string, path: string, body?: unknown) => Promise<Answer>

let system: System
let wishlist: Running
const inProcess: { stop(): Promise<void> }[] = []
/** How each service is asked, by the path it has below /api and /v1. */
const services: Record<string, Ask> = {}

beforeAll(async () => {
  system = await startSystem()
  const bus = await system.server.createDatabase('bus')
  const env = async (name: string) => ({
    DATABASE_URL: await system.server.createDatabase(name),
    BUS_URL: bus,
    BANYAN_IDENTITY_KEY: KEY,
  })
  wishlist = await startProcess('services/wishlist/main.ts', await env('wishlist'))
  services.wishlist = asGateway(`${wishlist.url}/v1/wishlist`)
  const { publicJwk, privateJwk } = await newServiceKey('moc')
  const start = async (name: string, run: typeof startGallery, extra: Record<string, string>) => {
    const running = await run({ PORT: '0', LOG_LEVEL: 'silent', ...(await env(name)), ...extra })
    inProcess.push(running)
    return running.url
  }
  const galleryUrl = await start('gallery', startGallery, {
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [publicJwk] }),
  })
  services.gallery = asGateway(`${galleryUrl}/v1/gallery`)
  const mocUrl = await start('moc', startMoc, {
    BANYAN_SIGNING_KEY: JSON.stringify(privateJwk),
    BANYAN_SERVICE_KEYS: '{"keys":[]}',
    GALLERY_URL: galleryUrl,
  })
  services.mocs = asGateway(`${mocUrl}/v1/mocs`)
})
afterAll(async () => {
  await Promise.all(inProcess.map((one) => one.stop()))
  await wishlist?.end()
  await system?.stop()
})

function startGallery(
  env: Record<string, string>,
): Promise<{ url: string; stop(): Promise<void> }> {
  return startService(gallery, { env })
}

function startMoc(env: Record<string, string>): Promise<{ url: string; stop(): Promise<void> }> {
  return startService(moc, { env })
}

const rolesOf = (user: string) => (user === 'moderator' ? ['user', 'moderator'] : ['user'])

function asGateway(at: string): Ask {
  return (user, method, path, body) => {
    const identity = { userId: user ?? '', email: null, roles: rolesOf(user ?? '') }
    const headers: Record<string, string> = user
      ? { 'x-banyan-identity': signIdentity(identity, KEY) }
      : {}
    return send(`${at}${path}`, method, headers, body)
  }
}

function askMonolith(capability: string): Ask {
  return async (user, method, path, body) => {
    const headers: Record<string, string> = user
      ? { authorization: `Bearer ${await system.token(user, rolesOf(user))}` }
      : {}
    return send(`${system.monolith.url}/api/${capability}${path}`, method, headers, body)
  }
}

const CASES: readonly [capability: string, steps: readonly Step[]][] = [
  ['wishlist', wishlistSteps],
  ['gallery', gallerySteps],
  ['mocs', mocSteps],
]

it.each(CASES)(
  'the service of %s answers every request as the monolith does',
  async (capability, steps) => {
    const sides = [askMonolith, (name: string) => services[name]!].map((asking) => ({
      asking,
      ids: [] as string[],
    }))
    for (const [method, given, body, user = 'ada'] of steps) {
      const [, of = capability, path] = /^(?:~([a-z]+))?(.*)$/.exec(given)!
      const seen: string[] = []
      for (const { asking, ids } of sides) {
        const ask = asking(of)
        const answer = await ask(user, method, named(path!, ids), renamed(body, ids))
        if (answer.status === 201) ids.push(answer.body.id)
        seen.push(normalised(answer, ids))
      }
      expect
        .soft(seen[1], `${method} ${given} ${JSON.stringify(body)?.slice(0, 200)}`)
        .toBe(seen[0])
    }
  },
)

describe('the Wishlist Service', () => {
  it('refuses an identity that is not signed with the key', async () => {
    const forged = signIdentity({ userId: 'x', email: null, roles: [] }, 'another key, a guess')
    for (const headers of [{ 'x-banyan-identity': forged }, { 'x-user-id': 'ada' }]) {
      expect((await send(`${wishlist.url}/v1/wishlist`, 'GET', headers)).status).toBe(401)
    }
  })

  it('publishes what it answers, and whether it is ready', async () => {
    const { body } = await send(`${wishlist.url}/openapi.json`, 'GET', {})
    expect(Object.keys(body.paths).sort()).toEqual([
      '/v1/wishlist',
      '/v1/wishlist/reorder',
      '/v1/wishlist/reorder/debounced',
      '/v1/wishlist/reorder/status',
      '/v1/wishlist/{id}',
    ])
    expect((await send(`${wishlist.url}/health/ready`, 'GET', {})).status).toBe(200)
  })

  it('answers 503 while its database is gone, and goes on when it is back', async () => {
    await system.server.kill()
    expect(await services.wishlist!('ada', 'GET', '')).toMatchObject({
      status: 503,
      body: { error: { code: 'UNAVAILABLE' } },
    })
    expect((await send(`${wishlist.url}/health`, 'GET', {})).status).toBe(200)
    await system.server.start()
    await eventually('it is ready again', async () => {
      return (await send(`${wishlist.url}/health/ready`, 'GET', {})).status === 200
    })
  })

  it('ends cleanly on SIGTERM', async () => {
    expect(await wishlist.end('SIGTERM')).toBe(0)
  })
})

/** `$1` becomes the first id. */
function named(text: string, ids: readonly string[]): string {
  return text.replace(/\$(\d+)/g, (_, n: string) => ids[Number(n) - 1]!)
}

function renamed(body: unknown, ids: readonly string[]): unknown {
  if (body === undefined || typeof body === 'string' || body instanceof FormData) return body
  return JSON.parse(named(JSON.stringify(body), ids))
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** Status, type, file name and body to the byte, but for ids (those known by order of creation) and moments. */
function normalised({ status, text, headers }: Answer, ids: readonly string[]): string {
  const body = ids
    .reduce((known, id, i) => known.replaceAll(id, `$${i + 1}`), text)
    .replace(UUID, (id) => (id === NOBODYS ? id : 'ID'))
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'MOMENT')
  const kept = ['content-type', 'content-disposition'].map((name) => headers.get(name))
  return `${status} ${kept.join(' ')} ${body}`
}
