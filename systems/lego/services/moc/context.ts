import type { ServiceContext } from '@banyan/service'
import { galleryApi } from '../gallery/client.ts'
import type * as tables from './schema.ts'

/**
 * The services it calls. A user waits for what Gallery says of links: not for longer than this, since they
 * can be stored and settled later.
 */
export const dependencies = { gallery: { api: galleryApi, timeoutMs: 2_000 } }

export type Context = ServiceContext<object, typeof tables, typeof dependencies>
