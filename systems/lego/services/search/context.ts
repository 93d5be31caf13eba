import type { ServiceContext } from '@banyan/service'
import { mocApi } from '../moc/client.ts'
import type { SearchConfig } from './config.ts'

/** Asked once: there is an answer without it. */
export const dependencies = {
  moc: { api: mocApi, optional: true, retry: { delaysMs: [] } },
} as const

export type Context = ServiceContext<SearchConfig, Record<never, never>, typeof dependencies>
