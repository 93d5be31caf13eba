import type { ServiceContext } from '@banyan/service'
import { galleryApi } from '../gallery/client.ts'
import { processingForServices } from '../processing/client.ts'
import { storageApi } from '../storage/client.ts'
import type * as tables from './schema.ts'
import type { Settings } from './settings.ts'

/**
 * The services it calls. A user waits for what Gallery says of links: not for longer than this, since they
 * can be stored and settled later. Without Storage and Processing no MOC is created together with files.
 */
export const dependencies = {
  gallery: { api: galleryApi, timeoutMs: 2_000 },
  // Each of many files that are stored at once is a megabyte in memory, or ten.
  storage: { api: storageApi, optional: true, bulkhead: { concurrency: 4, queue: 500 } },
  processing: { api: processingForServices, optional: true },
} as const

export type Context = ServiceContext<Settings, typeof tables, typeof dependencies>
