import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { IDENTITY_HEADERS, SERVICE_TOKEN_HEADER, signIdentity } from '@banyan/contracts'
import { EmbeddedPostgres } from '@banyan/postgres'
import {
  type Dependencies,
  newServiceKey,
  type ServiceDefinition,
  ServiceTokens,
  SigningKey,
  startService,
  type Tables,
} from '@banyan/service'
import pg from 'pg'
import gallery from '../services/gallery/service.ts'
import inventory from '../services/inventory/service.ts'
import moc from '../services/moc/service.ts'
import processing from '../services/processing/service.ts'
import profile from '../services/profile/service.ts'
import search from '../services/search/service.ts'
import storage from '../services/storage/service.ts'
import wishlist from '../services/wishlist/service.ts'
import { startFront } from './front.ts'
import { startProcess } from './processes.ts'

const IDENTITY_KEY = 'a key for these requests alone'
/** Who asks where services alone may: the one that routes with `callers` name. */
const CALLER = 'moc'

export interface AskableService {
  readonly name: string
  /** Every request there is of a user whom the Auth Service knows, with every role, and of a service that may call. */
  readonly url: string
}

/**
 * Starts the eight services as they call each other, in this process: in one database, each with a role of its
 * own, `moc_service_user` and its like, that may do no more than make its schemas.
 */
export async function startEveryService(): Promise<{
  readonly services: readonly AskableService[]
  /** Of the one database, as its superuser. */
  readonly databaseUrl: string
  stop(): Promise<void>
}> {
  /** What ends each thing that was started, in the order of the starts. */
  const ends: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (let end = ends.pop(); end; end = ends.pop()) await end()
  }
  try {
    const server = await EmbeddedPostgres.start({ settings: { max_connections: 300 } })
    ends.push(() => server.stop())
    const folder = await mkdtemp(join(tmpdir(), 'banyan-objects-'))
    ends.push(() => rm(folder, { recursive: true }))
    const bus = await server.createDatabase('bus')
    const databaseUrl = await server.createDatabase('lego')
    const { privateJwk, publicJwk } = await newServiceKey(CALLER)
    const signing = JSON.stringify(privateJwk)
    const profileKey = await newServiceKey('profile')
    const keys = JSON.stringify({ keys: [publicJwk, profileKey.publicJwk] })

    const auth = await startProcess('auth/main.ts', {
      DATABASE_URL: await server.createDatabase('auth'),
      BANYAN_SERVICE_KEYS: keys,
    })
    ends.push(() => auth.end())

    const services: AskableService[] = []
    const tokens = new ServiceTokens({
      ...{ name: CALLER, issuer: 'banyan' },
      key: new SigningKey(signing),
    })
    const identity = { userId: await newUser(auth.url), email: null, roles: ['admin', 'moderator'] }
    const start = async <Config, T extends Tables, D extends Dependencies>(
      definition: ServiceDefinition<Config, T, D>,
      more: Record<string, string> = {},
    ) => {
      const { name } = definition
      const running = await startService(definition, {
        env: {
          PORT: '0',
          LOG_LEVEL: 'error',
          DATABASE_URL: await withRole(databaseUrl, `${name}_service_user`),
          BUS_URL: bus,
          BANYAN_IDENTITY_KEY: IDENTITY_KEY,
          BANYAN_SERVICE_KEYS: keys,
          ...more,
        },
      })
      ends.push(() => running.stop())
      const front = await startFront(running.url, async () => ({
        [IDENTITY_HEADERS.signed]: signIdentity(identity, IDENTITY_KEY),
        [SERVICE_TOKEN_HEADER]: await tokens.for(name),
      }))
      ends.push(() => front.stop())
      services.push({ name, url: front.url })
      return running.url
    }
    await start(wishlist)
    await start(inventory)
    await start(profile, {
      AUTH_URL: auth.url,
      BANYAN_SIGNING_KEY: JSON.stringify(profileKey.privateJwk),
    })
    const galleryUrl = await start(gallery)
    const storageUrl = await start(storage, {
      OBJECTS_URL: pathToFileURL(folder).href,
      OBJECTS_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      VIRUS_SCANNER: 'none',
    })
    const processingUrl = await start(processing, { FILE_ORIGINS: storageUrl })
    const mocUrl = await start(moc, {
      BANYAN_SIGNING_KEY: signing,
      GALLERY_URL: galleryUrl,
      STORAGE_URL: storageUrl,
      PROCESSING_URL: processingUrl,
    })
    await start(search, { MOC_URL: mocUrl })
    return { services, databaseUrl, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** @returns the URL with the new role's name and password */
async function withRole(databaseUrl: string, role: string): Promise<string> {
  const admin = new pg.Client(databaseUrl)
  await admin.connect()
  const { database } = admin
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}';
    GRANT CREATE ON DATABASE ${pg.escapeIdentifier(database!)} TO ${role}`)
  await admin.end()
  const url = new URL(databaseUrl)
  url.username = role
  url.password = role
  return url.href
}

async function newUser(auth: string): Promise<string> {
  const response = await fetch(`${auth}/users`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.org', password: 'long enough, and random' }),
  })
  return ((await response.json()) as { id: string }).id
}
