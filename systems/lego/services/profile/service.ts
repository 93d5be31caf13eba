import { defineSchedule } from '@banyan/durable'
import { defineService } from '@banyan/service'
import { authApi } from '../../auth/client.ts'
import { FailureOfMonolith, writeAsMonolith } from '../../monolith-shape.ts'
import type { Context } from './context.ts'
import { profileEvents } from './events.ts'
import { removeOrphans } from './orphans.ts'
import { openPublicProfiles, type PublicProfiles } from './public-profiles.ts'
import { profileRoutes } from './routes.ts'
import * as tables from './schema.ts'
import { Settings } from './settings.ts'

/** One for the routes and for what listens: whoever asks first opens it. */
const opened = new WeakMap<Context, PublicProfiles>()
function publicProfilesOf(context: Context): PublicProfiles {
  const profiles = opened.get(context) ?? openPublicProfiles(context)
  opened.set(context, profiles)
  return profiles
}

export default defineService({
  name: 'profile',
  port: 9300,
  title: 'Profile Service',
  config: Settings,
  cache: true,
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  dependencies: { auth: authApi },
  routes: { '/v1/users': (app, context) => profileRoutes(app, context, publicProfilesOf(context)) },
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
  start: (context) => publicProfilesOf(context).listen(),
})
