import { readFile } from 'node:fs/promises'
import { type ObjectStore, openObjectStore } from '@banyan/objects'
import type { ServiceContext } from '@banyan/service'
import { scannerFor, type VirusScanner } from './scanner/virus-scanner.ts'
import type * as tables from './schema.ts'
import type { StorageSettings } from './settings.ts'

export type Context = ServiceContext<StorageSettings, typeof tables>

/** What the service works with besides its database. */
export interface Parts {
  readonly store: ObjectStore
  readonly scanner: VirusScanner
  readonly watermark: Buffer | null
}

async function openParts({ config, log }: Context): Promise<Parts> {
  const { OBJECTS_URL: url, OBJECTS_KEYS: masterKeys, OBJECTS_PUBLIC_URL: publicUrl } = config
  const scanner = scannerFor(config.VIRUS_SCANNER)
  if (scanner.name === 'none') {
    log.warn('VIRUS_SCANNER is none: files are stored without being scanned')
  }
  const watermark = config.WATERMARK_FILE ? await readFile(config.WATERMARK_FILE) : null
  return { store: await openObjectStore({ url, masterKeys, publicUrl }), scanner, watermark }
}

const opened = new WeakMap<Context, Promise<Parts>>()

/** What the service of this context works with; opened once. */
export function partsOf(context: Context): Promise<Parts> {
  let parts = opened.get(context)
  if (!parts) {
    parts = openParts(context)
    opened.set(context, parts)
  }
  return parts
}
