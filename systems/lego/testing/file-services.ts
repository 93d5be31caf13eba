import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EmbeddedPostgres } from '@banyan/postgres'
import {
  createClient,
  newServiceKey,
  ServiceTokens,
  SigningKey,
  startService,
} from '@banyan/service'
import { IDENTITY_KEY } from '@banyan/service/testing'
import processing from '../services/processing/service.ts'
import { storageApi } from '../services/storage/client.ts'
import storage from '../services/storage/service.ts'

export const QUOTA_BYTES = 5_000

/** Storage and Processing as they are, on one server, and the settings of those who call them. */
export async function startFileServices() {
  const server = await EmbeddedPostgres.start()
  const folder = await mkdtemp(join(tmpdir(), 'moc-files-'))
  const bus = await server.createDatabase('bus')
  const key = await newServiceKey('moc')
  const monolithKey = await newServiceKey('lego')
  const common = async (name: string) => ({
    PORT: '0',
    LOG_LEVEL: 'silent',
    BANYAN_IDENTITY_KEY: IDENTITY_KEY,
    BUS_URL: bus,
    DATABASE_URL: await server.createDatabase(name),
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [key.publicJwk, monolithKey.publicJwk] }),
  })
  const stores = await startService(storage, {
    env: {
      ...(await common('storage')),
      OBJECTS_URL: pathToFileURL(folder).href,
      OBJECTS_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      VIRUS_SCANNER: 'none',
      QUOTA_BYTES: String(QUOTA_BYTES),
    },
  })
  const reads = await startService(processing, { env: await common('processing') })
  const privateKey = JSON.stringify(key.privateJwk)
  const mocEnv = {
    ...(await common('moc')),
    BANYAN_SIGNING_KEY: privateKey,
    // However slow the machine is.
    CREATION_WAIT_MS: '60000',
    // No MOC of these tests links anything.
    GALLERY_URL: 'http://127.0.0.1:1',
    STORAGE_URL: stores.url,
    PROCESSING_URL: reads.url,
  }
  const tokens = new ServiceTokens({
    name: 'moc',
    issuer: 'banyan',
    key: new SigningKey(privateKey),
  })
  const files = createClient(storageApi, { baseUrl: stores.url, tokens })
  return {
    server,
    mocEnv,
    /** Settings of a monolith that uses them. */
    monolithEnv: {
      STORAGE_URL: stores.url,
      PROCESSING_URL: reads.url,
      SERVICE_KEY: JSON.stringify(monolithKey.privateJwk),
    },
    /** Storage, as another service asks it. */
    files,
    stop: async () => {
      await files.close()
      await stores.stop()
      await reads.stop()
      await server.stop()
      await rm(folder, { recursive: true })
    },
  }
}
