import { defineService } from '@banyan/service'
import { storageApi } from './client.ts'
import { storageEvents } from './events.ts'
import { partsOf } from './parts.ts'
import { imageProcessing } from './processing.ts'
import { internalRoutes, objectRoutes } from './routes.ts'
import * as tables from './schema.ts'
import { StorageSettings } from './settings.ts'
import { sweep } from './sweep.ts'
import { userFileRoutes } from './user-files.ts'

/** It depends on no other service. */
export default defineService({
  name: 'storage',
  port: 9800,
  title: 'File Storage Service',
  config: StorageSettings,
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  routes: {
    [storageApi.prefix]: internalRoutes,
    '/v1/files': userFileRoutes,
    '/v1/objects': objectRoutes,
  },
  events: storageEvents,
  sagas: (context) => [imageProcessing(context)],
  schedules: (context) => [sweep(context)],
  checks: (context) => [
    {
      name: 'objects',
      required: true,
      check: async () => (await partsOf(context)).store.check(),
    },
    {
      // Files can be read without it. Its name says which one is set: `scanner: none` too.
      name: `scanner: ${context.config.VIRUS_SCANNER === 'none' ? 'none' : 'clamav'}`,
      required: false,
      check: async () => (await partsOf(context)).scanner.check(),
    },
  ],
  // Of an upload; other bodies are small. UPLOAD_MS is what counts within.
  limits: { bodyBytes: 1024 * 1024, requestMs: 600_000 },
  start: (context) => async () => (await partsOf(context)).store.close(),
})
