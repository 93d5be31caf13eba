import { defineSchedule } from '@banyan/durable'
import { defineService } from '@banyan/service'
import { FailureOfMonolith, writeAsMonolith } from '../../monolith-shape.ts'
import { dependencies } from './context.ts'
import { forgetCreations } from './creation/creations.ts'
import { createMocWithFiles, removeFiles } from './creation/saga.ts'
import { settleLinks } from './dangling.ts'
import { mocEvents } from './events.ts'
import { reactions } from './reactions.ts'
import { mocRoutes } from './routes.ts'
import * as tables from './schema.ts'

/** How often Gallery is asked about links that could not be checked, ms. */
const SETTLE_EVERY_MS = 2_000

export default defineService({
  name: 'moc',
  port: 9100,
  title: 'MOC Management Service',
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  dependencies,
  routes: { '/v1/mocs': mocRoutes },
  events: mocEvents,
  reactions,
  sagas: (context) => [createMocWithFiles(context), removeFiles(context)],
  schedules: (context) => [
    defineSchedule({
      name: 'settle gallery links',
      everyMs: SETTLE_EVERY_MS,
      run: () => settleLinks(context),
    }),
    forgetCreations,
  ],
  failureSchema: FailureOfMonolith,
  writeFailure: writeAsMonolith('MOC'),
})
