import type { ServiceContext } from '@banyan/service'
import type { authApi } from '../../auth/client.ts'
import type * as tables from './schema.ts'
import type { Settings } from './settings.ts'

export type Context = ServiceContext<Settings, typeof tables, { auth: typeof authApi }>
