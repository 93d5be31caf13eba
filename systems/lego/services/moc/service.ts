import { defineSchedule } from '@banyan/durable'
import { defineService } from '@banyan/service'
import { FailureOfMonolith, writeAsMonolith } from '../../monolith-shape.ts'
import { mocApi, mocLinksApi } from './client.ts'
import { dependencies } from './context.ts'
import { sumUpCounts } from './counts.ts'
import { forgetCreations } from './creation/creations.ts'
import { createMocWithFiles, removeFiles } from './creation/saga.ts'
import { settleLinks } from './dangling.ts'
import { mocEvents } from './events.ts'
import { auditLinks } from './link-audit.ts'
import { linkRoutes } from './link-routes.ts'
import { reactions } from './reactions.ts'
import { forgetDeleted, recentRoutes } from './recent.ts'
import { mocRoutes } from './routes.ts'
import * as tables from './schema.ts'
import { Settings } from './settings.ts'
import { FORM_MS } from './upload.ts'

/** How often Gallery is asked about links that could not be checked, ms. */
const SETTLE_EVERY_MS = 2_000
/** All MOCs, a hundred at a time, ms. */
const AUDIT_MS = 600_000

export default defineService({
  name: 'moc',
  port: 9100,
  title: 'MOC Management Service',
  config: Settings,
  cache: true,
  limits: { requestMs: FORM_MS },
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  dependencies,
  routes: {
    '/v1/mocs': mocRoutes,
    [mocApi.prefix]: recentRoutes,
    [mocLinksApi.prefix]: linkRoutes,
  },
  events: mocEvents,
  reactions,
  sagas: (context) => [createMocWithFiles(context), removeFiles(context)],
  schedules: (context) => [
    defineSchedule({
      name: 'settle gallery links',
      everyMs: SETTLE_EVERY_MS,
      run: () => settleLinks(context),
    }),
    defineSchedule({
      name: 'audit gallery links',
      cron: context.config.LINK_AUDIT_CRON,
      timeoutMs: AUDIT_MS,
      run: async () => {
        await auditLinks(context)
      },
    }),
    forgetCreations,
    forgetDeleted,
    sumUpCounts,
  ],
  failureSchema: FailureOfMonolith,
  writeFailure: writeAsMonolith('MOC'),
})
