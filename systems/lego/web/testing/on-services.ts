import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BUCKETS, type RouteRule } from '@banyan/contracts'
import { createGateway } from '@banyan/gateway'
import { EmbeddedPostgres } from '@banyan/postgres'
import { newServiceKey, startService } from '@banyan/service'
import { IDENTITY_KEY } from '@banyan/service/testing'
import { AUDIENCE, ISSUER } from '../../auth/settings.ts'
import { gallery as galleryMove } from '../../extractions/gallery.ts'
import { inventory as inventoryRoutes } from '../../extractions/inventory.ts'
import { limits } from '../../extractions/limits.ts'
import { moc as mocMove } from '../../extractions/moc.ts'
import { profile as profileMove } from '../../extractions/profile.ts'
import { search as searchMove } from '../../extractions/search.ts'
import { wishlist as wishlistMove } from '../../extractions/wishlist.ts'
import gallery from '../../services/gallery/service.ts'
import inventory from '../../services/inventory/service.ts'
import moc from '../../services/moc/service.ts'
import processing from '../../services/processing/service.ts'
import profile from '../../services/profile/service.ts'
import search from '../../services/search/service.ts'
import storage from '../../services/storage/service.ts'
import wishlist from '../../services/wishlist/service.ts'
import { startProcess } from '../../testing/processes.ts'

/** What Storage keeps of one person here. */
export const QUOTA_BYTES = 4_000_000

const ALL_BUCKETS = 'f'.repeat(BUCKETS / 4)

const CALLERS = ['moc', 'profile'] as const

/** The page behind which everything has moved: all services, and no monolith any more. */
export async function startOnServices() {
  const server = await EmbeddedPostgres.start()
  const folder = await mkdtemp(join(tmpdir(), 'web-files-'))
  const bus = await server.createDatabase('bus')
  const keys = await Promise.all(CALLERS.map((name) => newServiceKey(name)))
  const publicKeys = JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) })
  const keyOf = (name: (typeof CALLERS)[number]) =>
    JSON.stringify(keys[CALLERS.indexOf(name)]!.privateJwk)
  const auth = await startProcess('auth/main.ts', {
    DATABASE_URL: await server.createDatabase('auth'),
    BANYAN_SERVICE_KEYS: publicKeys,
  })
  const running: { stop(): Promise<unknown> }[] = []
  const started = <S extends { stop(): Promise<unknown> }>(service: S): S => {
    running.push(service)
    return service
  }
  const envOf = async (name: string, more: Record<string, string> = {}) => ({
    env: {
      ...{ PORT: '0', LOG_LEVEL: 'silent', BANYAN_IDENTITY_KEY: IDENTITY_KEY },
      ...{ BUS_URL: bus, DATABASE_URL: await server.createDatabase(name) },
      ...{ BANYAN_SERVICE_KEYS: publicKeys, ...more },
    },
  })
  const files = {
    OBJECTS_URL: pathToFileURL(folder).href,
    OBJECTS_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    VIRUS_SCANNER: 'none',
    QUOTA_BYTES: String(QUOTA_BYTES),
  }
  const users = { AUTH_URL: auth.url, BANYAN_SIGNING_KEY: keyOf('profile') }
  const stores = started(await startService(storage, await envOf('storage', files)))
  const reads = started(await startService(processing, await envOf('processing')))
  const shows = started(await startService(gallery, await envOf('gallery')))
  const called = {
    GALLERY_URL: shows.url,
    STORAGE_URL: stores.url,
    PROCESSING_URL: reads.url,
    BANYAN_SIGNING_KEY: keyOf('moc'),
  }
  const builds = started(await startService(moc, await envOf('moc', called)))
  const searchEnv = await envOf('search', { MOC_URL: builds.url })
  const urls = {
    gallery: shows.url,
    wishlist: started(await startService(wishlist, await envOf('wishlist'))).url,
    search: started(await startService(search, searchEnv)).url,
    inventory: started(await startService(inventory, await envOf('inventory'))).url,
    profile: started(await startService(profile, await envOf('profile', users))).url,
    moc: builds.url,
  }
  const routes: Record<keyof typeof urls, readonly RouteRule[]> = {
    gallery: galleryMove.routes,
    wishlist: wishlistMove.routes,
    profile: profileMove.routes,
    moc: mocMove.routes,
    search: searchMove.routes,
    inventory: inventoryRoutes.routes,
  }
  const gateway = createGateway({
    id: 'web-test',
    listen: { port: 0 },
    admin: { port: 0, token: 'web-test-admin-token' },
    // Nobody listens there: what is not a service's is nobody's.
    monolith: 'http://127.0.0.1:1',
    identityKey: IDENTITY_KEY,
    auth: {
      ...{ kind: 'jwks', url: `${auth.url}/.well-known/jwks.json` },
      ...{ issuer: ISSUER, audience: AUDIENCE },
    },
    table: {
      ...{ token: 1, version: 1, monolith: 'http://127.0.0.1:1' },
      extractions: Object.entries(routes).map(([name, rules]) => ({
        extraction: name,
        target: urls[name as keyof typeof urls],
        routes: rules,
        targetBuckets: ALL_BUCKETS,
        ...{ hold: null, shadow: null },
      })),
    },
    limits,
    logLevel: 'silent',
  })
  await gateway.listen()
  const web = await startProcess('web/main.ts', {
    GATEWAY_URL: `http://127.0.0.1:${gateway.publicPort}`,
    AUTH_URL: auth.url,
  })
  return {
    url: web.url,
    /** Nobody reads parts lists from now on. */
    stopProcessing: () => reads.stop(),
    stop: async () => {
      await web.end()
      await gateway.close()
      for (const service of running.reverse()) await service.stop()
      await auth.end()
      await server.stop()
      await rm(folder, { recursive: true })
    },
  }
}
