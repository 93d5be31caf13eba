import { defineSchedule } from '@banyan/durable'
import { defineService } from '@banyan/service'
import { authApi } from '../../auth/client.ts'
import { FailureOfMonolith, writeAsMonolith } from '../../monolith-shape.ts'
import { profileEvents } from './events.ts'
import { removeOrphans } from './orphans.ts'
import { profileRoutes } from './routes.ts'
import * as tables from './schema.ts'
import { Settings } from './settings.ts'

export default defineService({
  name: 'profile',
  port: 9300,
  title: 'Profile Service',
  config: Settings,
  cache: true,
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  dependencies: { auth: authApi },
  routes: { '/v1/users': profileRoutes },
  events: profileEvents,
  schedules: (context) => [
    defineSchedule({
      name: 'remove-orphans',
      everyMs: context.config.ORPHAN_SEARCH_MS,
      run: () => removeOrphans(context),
    }),
  ],
  failureSchema: FailureOfMonolith,
  writeFailure: writeAsMonolith('profile'),
})
