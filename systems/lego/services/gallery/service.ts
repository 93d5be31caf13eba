import { defineService } from '@banyan/service'
import { FailureOfMonolith, writeAsMonolith } from '../../monolith-shape.ts'
import { galleryEvents } from './events.ts'
import { galleryRoutes } from './routes.ts'
import * as tables from './schema.ts'

/** It depends on no other service. */
export default defineService({
  name: 'gallery',
  port: 9200,
  title: 'Gallery Service',
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  routes: { '/v1': galleryRoutes },
  events: galleryEvents,
  failureSchema: FailureOfMonolith,
  writeFailure: writeAsMonolith('image'),
})
