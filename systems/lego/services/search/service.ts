import { defineService } from '@banyan/service'
import { FailureOfMonolith, writeAsMonolith } from '../../monolith-shape.ts'
import { SearchConfig } from './config.ts'
import { searchEvents } from './events.ts'
import { searchingOf } from './parts.ts'
import { searchReactions } from './reactions.ts'
import { searchRoutes } from './routes.ts'

/** It keeps what others told it in a table of its own, and depends on none of them to answer. */
export default defineService({
  name: 'search',
  port: 9700,
  title: 'Search Service',
  config: SearchConfig,
  database: { tables: {}, migrations: new URL('migrations', import.meta.url) },
  routes: { '/v1/search': searchRoutes },
  events: searchEvents,
  reactions: searchReactions,
  failureSchema: FailureOfMonolith,
  writeFailure: writeAsMonolith('document'),
  start(context) {
    const { log } = searchingOf(context)
    return () => log.stop()
  },
})
