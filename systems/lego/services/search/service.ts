import { defineSchedule } from '@banyan/durable'
import { defineService } from '@banyan/service'
import { FailureOfMonolith, writeAsMonolith } from '../../monolith-shape.ts'
import { SearchConfig } from './config.ts'
import { dependencies } from './context.ts'
import { forgetDeleted } from './documents.ts'
import { searchEvents } from './events.ts'
import { internalRoutes } from './internal-routes.ts'
import { searchingOf } from './parts.ts'
import { searchReactions } from './reactions.ts'
import { searchRoutes } from './routes.ts'

/** It keeps what others told it in a table of its own, and answers without any of them. */
export default defineService({
  name: 'search',
  port: 9700,
  title: 'Search Service',
  config: SearchConfig,
  database: { tables: {}, migrations: new URL('migrations', import.meta.url) },
  dependencies,
  routes: { '/v1/search': searchRoutes, '/internal/v1/search': internalRoutes },
  events: searchEvents,
  reactions: searchReactions,
  failureSchema: FailureOfMonolith,
  writeFailure: writeAsMonolith('document'),
  schedules: ({ pool }) => [
    defineSchedule({
      name: 'forget what was deleted long ago',
      everyMs: 3_600_000,
      run: () => forgetDeleted(pool),
    }),
  ],
  start(context) {
    const { log, feed, backfills } = searchingOf(context)
    feed?.start()
    backfills.start()
    return async () => {
      await Promise.all([log.stop(), feed?.stop(), backfills.stop()])
    }
  },
})
