import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { signIdentity } from '@banyan/contracts'
import type { ManagedProcess, Supervisor } from '@banyan/lab'
import { createClient, newServiceKey, ServiceTokens, SigningKey } from '@banyan/service'
import { createServiceDatabase } from '../service-database.ts'
import { storageApi } from '../services/storage/client.ts'
import type { Victim } from './victims.ts'

const IDENTITY_KEY = 'lego-identity-key-of-this-machine'

/** All eight services, each its own process on one server. */
export interface Services {
  readonly moc: ManagedProcess
  readonly victims: Readonly<Record<Victim, ManagedProcess>>
  readonly identityKey: string
  ask(service: ManagedProcess, method: string, path: string, body?: unknown): Promise<Asked>
  /** What Storage keeps of somebody. @throws while it cannot be asked. */
  usage(): Promise<unknown>
  stop(): Promise<void>
}

interface Asked {
  readonly status: number
  readonly body: { readonly [key: string]: unknown }
}

export async function startServices(supervisor: Supervisor): Promise<Services> {
  const server = await supervisor.postgres()
  const bus = await createServiceDatabase(server.url(), 'bus')
  const { privateJwk, publicJwk } = await newServiceKey('moc')
  const ofProfile = await newServiceKey('profile')
  const start = async (name: string, more: Record<string, string>, folder = `services/${name}`) =>
    supervisor.process(name, {
      file: fileURLToPath(new URL(`../${folder}/main.ts`, import.meta.url)),
      env: {
        PORT: '0',
        LOG_LEVEL: 'warn',
        DATABASE_URL: await createServiceDatabase(server.url(), name),
        BUS_URL: bus,
        BANYAN_IDENTITY_KEY: IDENTITY_KEY,
        BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [publicJwk, ofProfile.publicJwk] }),
        ...more,
      },
    })
  const gallery = await start('gallery', {})
  const search = await start('search', {})
  const storage = await start('storage', {
    OBJECTS_URL: pathToFileURL(join(supervisor.folder, 'objects')).href,
    OBJECTS_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    VIRUS_SCANNER: 'none',
  })
  const privateKey = JSON.stringify(privateJwk)
  const moc = await start('moc', {
    BANYAN_SIGNING_KEY: privateKey,
    GALLERY_URL: gallery.url,
    STORAGE_URL: storage.url,
  })
  const auth = await start('auth', {}, 'auth')
  const profile = await start('profile', {
    AUTH_URL: auth.url,
    BANYAN_SIGNING_KEY: JSON.stringify(ofProfile.privateJwk),
  })
  const wishlist = await start('wishlist', {})
  const inventory = await start('inventory', {})
  const processing = await start('processing', {})
  const tokens = new ServiceTokens({
    name: 'moc',
    issuer: 'banyan',
    key: new SigningKey(privateKey),
  })
  const files = createClient(storageApi, { baseUrl: storage.url, tokens })
  return {
    moc,
    victims: { gallery, search, storage, inventory, processing, profile, wishlist },
    identityKey: IDENTITY_KEY,
    async ask(service, method, path, body) {
      const identity = signIdentity({ userId: 'watcher', email: null, roles: [] }, IDENTITY_KEY)
      const answer = await fetch(`${service.url}/v1${path}`, {
        method,
        headers: {
          'x-banyan-identity': identity,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as Asked['body'] }
    },
    usage: () => files.usage({ params: { ownerId: 'watcher' } }),
    stop: () => files.close(),
  }
}
