import { randomBytes } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import type { ManagedProcess } from '@banyan/lab'
import type { EmbeddedPostgres } from '@banyan/postgres'
import { newServiceKey } from '@banyan/service'
import type { ObjectsSetting } from './kept-files.ts'
import { createServiceDatabase } from './service-database.ts'

export interface FileServices {
  readonly storage: ManagedProcess
  readonly processing: ManagedProcess
  /** Settings of the monolith that make it use them. */
  readonly monolithEnv: Readonly<Record<string, string>>
}

export interface FileServicesOptions {
  start(name: string, file: string, env: Record<string, string>): Promise<ManagedProcess>
  /** Where their databases are made. */
  readonly server: EmbeddedPostgres
  readonly bus: string
  /** Of the stored files; deleted by whoever has named it. */
  readonly folder: string
  readonly ports: Readonly<Record<'storage' | 'processing', number>>
}

/** A folder for Storage, and a new key of it. */
export function newObjects(folder: string): ObjectsSetting {
  const masterKeys = `k1:${randomBytes(32).toString('base64')}`
  return { url: pathToFileURL(folder).href, masterKeys }
}

/** What a Storage at this URL is told of its objects; nobody scans them. */
export function storageSettings(objects: ObjectsSetting, url: string): Record<string, string> {
  return {
    OBJECTS_URL: objects.url,
    OBJECTS_KEYS: objects.masterKeys,
    OBJECTS_PUBLIC_URL: `${url}/v1/objects`,
    VIRUS_SCANNER: 'none',
  }
}

/** Starts Storage and Processing, beside a monolith that is to call them. */
export async function superviseFileServices(options: FileServicesOptions): Promise<FileServices> {
  const { start, server, bus, folder, ports } = options
  const { privateJwk, publicJwk } = await newServiceKey('lego')
  const url = (name: 'storage' | 'processing') => `http://127.0.0.1:${ports[name]}`
  const service = async (name: 'storage' | 'processing', more: Record<string, string>) =>
    start(name, `services/${name}/main.ts`, {
      // A Processing that leaves the monolith has one of its own.
      DATABASE_URL: await createServiceDatabase(server.url(), `${name}_of_files`),
      BUS_URL: bus,
      BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [publicJwk] }),
      LOG_LEVEL: 'warn',
      PORT: String(ports[name]),
      ...more,
    })
  const storage = await service('storage', storageSettings(newObjects(folder), url('storage')))
  const processing = await service('processing', { FILE_ORIGINS: url('storage') })
  const monolithEnv = {
    STORAGE_URL: url('storage'),
    PROCESSING_URL: url('processing'),
    SERVICE_KEY: JSON.stringify(privateJwk),
  }
  return { storage, processing, monolithEnv }
}
