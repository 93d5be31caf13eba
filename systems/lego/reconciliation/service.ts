import { defineSchedule } from '@banyan/durable'
import { ControlClient } from '@banyan/migration'
import { defineService } from '@banyan/service'
import { linkKeeper } from './link-keeper.ts'
import { type ReconciliationReport, reconcile } from './reconcile.ts'
import { databasesOf, RECONCILED, Settings } from './settings.ts'

/** All rows of all tables, row by row. */
const TIMEOUT_MS = 3_600_000

/** Compares monolith and services once, and repairs. */
export async function reconcileBy(settings: Settings): Promise<ReconciliationReport> {
  const { CONTROL_URL, BANYAN_CONTROL_TOKEN } = settings
  const { MOC_URL: url, BANYAN_SIGNING_KEY: key, BANYAN_SERVICE_ISSUER: issuer } = settings
  const links = url && key ? linkKeeper({ url, key, issuer }) : null
  try {
    return await reconcile({
      control: new ControlClient({ urls: [CONTROL_URL], token: BANYAN_CONTROL_TOKEN }),
      urls: databasesOf(settings),
      extractions: RECONCILED,
      by: 'reconciliation',
      ...(links ? { links } : {}),
    })
  } finally {
    await links?.close()
  }
}

/**
 * Reconciles by schedule as long as the migration lasts, keeps its reports, and says what it found. No service: it
 * knows every database, and goes with the monolith.
 */
export default defineService({
  name: 'reconciliation',
  port: 9960,
  title: 'Reconciliation',
  config: Settings,
  database: { tables: {}, migrations: new URL('migrations', import.meta.url) },
  routes: {},
  schedules: ({ config, log, metrics }) => {
    let newest: Record<string, number> = {}
    const read = () =>
      Object.entries(newest).map(([state, value]) => ({ labels: { state }, value }))
    metrics.gauge('reconciliation_rows', 'Rows of the newest run', read, ['state'])
    return [
      defineSchedule({
        name: 'reconcile',
        cron: config.RECONCILIATION_CRON,
        timeoutMs: TIMEOUT_MS,
        run: async (_run, tx) => {
          const report = await reconcileBy(config)
          const { at, compared, differing, repaired, unlinked, dangling } = report
          await tx.query(
            `INSERT INTO reconciliation.reports (at, compared, differing, repaired, dangling, report)
             VALUES ($1, $2, $3, $4, $5, $6)`,
            [at, compared, differing, repaired, dangling.links, JSON.stringify(report)],
          )
          const figures = { compared, differing, repaired, unlinked, dangling: dangling.links }
          newest = figures
          const bad = differing > 0 || dangling.links > 0
          log[bad ? 'warn' : 'info']({ ...figures, report: bad ? report : undefined }, 'reconciled')
        },
      }),
    ]
  },
})
