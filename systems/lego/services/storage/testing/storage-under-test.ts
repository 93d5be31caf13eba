import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { FolderStore } from '@banyan/objects'
import { createClient, newServiceKey, ServiceTokens, SigningKey } from '@banyan/service'
import { startForTest } from '@banyan/service/testing'
import pg from 'pg'
import sharp from 'sharp'
import { storageApi } from '../client.ts'
import type { NewFile } from '../messages.ts'
import definition from '../service.ts'
import { startFakeClamd } from './fake-clamd.ts'

export const QUOTA_BYTES = 1_000_000

export type StorageUnderTest = Awaited<ReturnType<typeof startStorage>>

/** What a test uploads, of an owner of its own if it names none. */
export function wishFor({ watermark, ...more }: Partial<NewFile> = {}) {
  return {
    ...{ ownerId: `u${randomUUID()}`, prefix: 'mocs' as const, fileName: 'a b.txt' },
    contentType: 'text/plain',
    ...more,
    ...(watermark ? { watermark: 'true' } : {}),
  }
}

/**
 * The service on a folder of its own, beside a stand-in for clamd, and what its tests look at it with.
 *
 * @param callers public keys of services that may ask it, besides that of the tests
 */
export async function startStorage({ callers = [] }: { callers?: readonly object[] } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'storage-'))
  const clamd = await startFakeClamd()
  const key = await newServiceKey('moc')
  const watermark = join(folder, '.watermark.png')
  const red = { r: 255, g: 0, b: 0, alpha: 1 }
  await writeFile(
    watermark,
    await sharp({ create: { width: 8, height: 8, channels: 4, background: red } })
      .png()
      .toBuffer(),
  )
  const masterKeys = `k1:${randomBytes(32).toString('base64')}`
  const publicUrl = 'http://127.0.0.1:1/v1/objects'
  const env = {
    OBJECTS_URL: pathToFileURL(folder).href,
    OBJECTS_KEYS: masterKeys,
    OBJECTS_PUBLIC_URL: publicUrl,
    VIRUS_SCANNER: `clamd://127.0.0.1:${clamd.port}`,
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [key.publicJwk, ...callers] }),
    QUOTA_BYTES: String(QUOTA_BYTES),
    UPLOAD_BYTES: '900000',
    IMAGE_PIXELS: '1000000',
    SWEEP_MS: '200',
    WATERMARK_FILE: watermark,
  }
  const service = await startForTest(definition, env)
  const signingKey = new SigningKey(JSON.stringify(key.privateJwk))
  const tokens = new ServiceTokens({ name: 'moc', issuer: 'banyan', key: signingKey })
  const clientOf = (baseUrl: string) => createClient(storageApi, { baseUrl, tokens })
  const client = clientOf(service.url)
  const store = await FolderStore.open({ folder, masterKeys, publicUrl })
  const db = new pg.Pool({ connectionString: service.context.config.DATABASE_URL, max: 2 })
  // A connection that is being closed may hear of the server's end first.
  db.on('error', () => {})
  const stop = async () => {
    await client.close()
    await db.end()
    await service.stop()
    await clamd.stop()
    await rm(folder, { recursive: true })
  }
  return { service, env, tokens, client, clientOf, store, db, clamd, stop }
}
