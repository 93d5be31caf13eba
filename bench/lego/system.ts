import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { BUCKETS, type RouteRule } from '@banyan/contracts'
import type { GatewayOptions } from '@banyan/gateway'
import type { ManagedProcess, Supervisor } from '@banyan/lab'
import type { EmbeddedPostgres } from '@banyan/postgres'
import { newServiceKey } from '@banyan/service'
import { AUDIENCE, ISSUER } from '../../systems/lego/auth/settings.ts'
import { gallery } from '../../systems/lego/extractions/gallery.ts'
import { inventory } from '../../systems/lego/extractions/inventory.ts'
import { moc } from '../../systems/lego/extractions/moc.ts'
import { processing } from '../../systems/lego/extractions/processing.ts'
import { profile } from '../../systems/lego/extractions/profile.ts'
import { search } from '../../systems/lego/extractions/search.ts'
import { wishlist } from '../../systems/lego/extractions/wishlist.ts'
import { createServiceDatabase } from '../../systems/lego/service-database.ts'

const ROUTES = { gallery, inventory, moc, processing, profile, search, wishlist }
export const SERVICES = [...(Object.keys(ROUTES) as (keyof typeof ROUTES)[]), 'storage'] as const
type ServiceName = (typeof SERVICES)[number]

/** Of both servers: with the moments of commits on, since events are timed by them. */
export const SERVER_SETTINGS = {
  max_connections: 400,
  track_commit_timestamp: 'on',
  // In the folder of its data.
  unix_socket_directories: '.',
} as const
/** Of all services: nobody waits for an event, and machines are small. */
const SERVICE_SETTINGS = { EVENT_GATHER_MS: '250' } as const
/** Asked most, and what hears of all that it says: a deployment would give them processors accordingly. */
const FIRST: readonly ServiceName[] = ['moc', 'search']
/** All that a service is set to beside where things are. Here all share two processors, and the others stand back. */
export const settingsOf = (name: ServiceName): Readonly<Record<string, string>> => ({
  ...SERVICE_SETTINGS,
  PROCESS_NICE: FIRST.includes(name) ? '0' : '5',
})
/** Asked for nothing but the gateway's own time; answered by a process of its own. */
export const ROUTING_PATH = '/api/routing-alone'

const IDENTITY_KEY = 'identity key of the lego bench'
const ALL_BUCKETS = 'f'.repeat(BUCKETS / 4)

/** The eight services behind a gateway as they stand after the last extraction, and the monolith behind another. */
export interface System {
  readonly services: Readonly<Record<ServiceName, ManagedProcess>>
  readonly gateway: ManagedProcess
  readonly monolith: ManagedProcess
  /** Everything that it is asked goes to the monolith. */
  readonly monolithGateway: ManagedProcess
  /** As the superuser; each service connects as the role that is its own. */
  readonly databases: Readonly<Record<ServiceName | 'auth' | 'monolith' | 'bus', string>>
  readonly servers: Readonly<Record<'services' | 'monolith', EmbeddedPostgres>>
  /** What signs who asks, where a service is asked directly. */
  readonly identityKey: string
}

export interface SystemOptions {
  /** Users that the Auth Service knows, and the monolith has profiles of. */
  readonly users: number
  /** Wishlist items the monolith begins with. */
  readonly items: number
  readonly seed: number
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const lego = (path: string) => here(`../../systems/lego/${path}`)

export async function startSystem(supervisor: Supervisor, options: SystemOptions): Promise<System> {
  const [server, source] = await Promise.all([
    supervisor.postgres({ settings: SERVER_SETTINGS }),
    supervisor.postgres({ settings: SERVER_SETTINGS }),
  ])
  const databases: Partial<Record<keyof System['databases'], string>> = {}
  const own: Partial<Record<ServiceName, string>> = {}
  for (const name of SERVICES) {
    own[name] = bySocket(server, await createServiceDatabase(server.url(), name))
    databases[name] = server.url(name)
  }
  for (const name of ['auth', 'bus'] as const) {
    databases[name] = bySocket(server, await server.createDatabase(name))
  }
  databases.monolith = bySocket(source, await source.createDatabase('lego'))
  const urls = databases as System['databases']

  const keys = { moc: await newServiceKey('moc'), profile: await newServiceKey('profile') }
  const publicKeys = JSON.stringify({ keys: Object.values(keys).map((key) => key.publicJwk) })
  const auth = await supervisor.process('auth', {
    file: lego('auth/main.ts'),
    env: { PORT: '0', DATABASE_URL: urls.auth, BANYAN_SERVICE_KEYS: publicKeys },
  })
  const jwks = `${auth.url}/.well-known/jwks.json`
  const monolith = await supervisor.process('monolith', {
    file: lego('monolith/main.ts'),
    env: { PORT: '0', DATABASE_URL: urls.monolith, JWKS_URL: jwks },
  })
  await run(supervisor, 'generate', lego('generate.ts'), {
    args: ['--items', options.items, '--users', options.users, '--seed', options.seed].map(String),
    env: { DATABASE_URL: urls.monolith, AUTH_DATABASE_URL: urls.auth },
  })
  const service = (name: ServiceName, more: Record<string, string> = {}) =>
    supervisor.process(name, {
      file: lego(`services/${name}/main.ts`),
      env: {
        PORT: '0',
        LOG_LEVEL: 'warn',
        ...settingsOf(name),
        DATABASE_URL: own[name]!,
        BUS_URL: urls.bus,
        BANYAN_IDENTITY_KEY: IDENTITY_KEY,
        BANYAN_SERVICE_KEYS: publicKeys,
        ...more,
      },
    })
  const storage = await service('storage', {
    OBJECTS_URL: pathToFileURL(join(supervisor.folder, 'objects')).href,
    OBJECTS_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    VIRUS_SCANNER: 'none',
  })
  const called = {
    storage,
    processing: await service('processing'),
    gallery: await service('gallery'),
  }
  const builds = await service('moc', {
    BANYAN_SIGNING_KEY: JSON.stringify(keys.moc.privateJwk),
    GALLERY_URL: called.gallery.url,
    STORAGE_URL: storage.url,
    PROCESSING_URL: called.processing.url,
  })
  const services = {
    ...called,
    moc: builds,
    profile: await service('profile', {
      BANYAN_SIGNING_KEY: JSON.stringify(keys.profile.privateJwk),
      AUTH_URL: auth.url,
    }),
    wishlist: await service('wishlist'),
    search: await service('search', { MOC_URL: builds.url }),
    inventory: await service('inventory'),
  }
  const extraction = (name: string, target: string, routes: readonly RouteRule[]) => {
    const all = { targetBuckets: ALL_BUCKETS, hold: null, shadow: null }
    return { extraction: name, target, routes, ...all }
  }
  const upstream = await supervisor.process('upstream', { file: here('upstream-child.ts') })
  const moved = Object.entries(ROUTES).map(([name, { routes }]) =>
    extraction(name, services[name as keyof typeof ROUTES].url, routes),
  )
  const gateway = (name: string, extractions: typeof moved) =>
    startGateway(supervisor, {
      id: name,
      listen: { port: 0 },
      admin: { port: 0, token: 'admin token of the bench' },
      monolith: monolith.url,
      identityKey: IDENTITY_KEY,
      auth: { kind: 'jwks', url: jwks, issuer: ISSUER, audience: AUDIENCE },
      table: { token: 1, version: 1, monolith: monolith.url, extractions },
      logLevel: 'warn',
    })
  return {
    services,
    monolith,
    databases: urls,
    servers: { services: server, monolith: source },
    identityKey: IDENTITY_KEY,
    gateway: await gateway('gateway', [
      ...moved,
      extraction('routing', upstream.url, [{ methods: ['GET'], path: ROUTING_PATH }]),
    ]),
    monolithGateway: await gateway('monolith-gateway', []),
  }
}

/** Whoever is on the server's machine takes its socket: a statement and its answer cost both a fifth less than by TCP. */
function bySocket({ dataDir }: EmbeddedPostgres, url: string): string {
  return `${url}?host=${encodeURIComponent(dataDir)}`
}

async function startGateway(
  supervisor: Supervisor,
  options: GatewayOptions,
): Promise<ManagedProcess> {
  const file = join(supervisor.folder, `${options.id}.json`)
  await writeFile(file, JSON.stringify(options))
  return supervisor.process(options.id, { file: here('gateway-child.ts'), args: [file] })
}

/** Runs a process to its end. @throws with what it said when it fails */
export async function run(
  supervisor: Supervisor,
  name: string,
  file: string,
  of: { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> },
): Promise<void> {
  const process = await supervisor.process(name, { file, ...of, ready: 'spawned' })
  const code = await process.ended()
  if (code === 0) return
  throw new Error(`${name} ended with code ${code}:\n${process.lastLines(15).join('\n')}`)
}
