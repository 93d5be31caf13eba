import { defineService } from '@banyan/service'
import { FailureOfMonolith, writeAsMonolith } from '../../monolith-shape.ts'
import { profileEvents } from './events.ts'
import { profileRoutes } from './routes.ts'
import * as tables from './schema.ts'

/** It depends on no other service. */
export default defineService({
  name: 'profile',
  port: 9300,
  title: 'Profile Service',
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  routes: { '/v1/users': profileRoutes },
  events: profileEvents,
  failureSchema: FailureOfMonolith,
  writeFailure: writeAsMonolith('profile'),
})
