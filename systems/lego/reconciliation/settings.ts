import { z } from 'zod'
import { bringsRows, EXTRACTIONS, type RowsName } from '../topology.ts'

/** What has rows to compare. */
export const RECONCILED = EXTRACTIONS.filter(bringsRows)

const database = z.url({ protocol: /^postgres(ql)?$/ })
const variable = (name: RowsName) => `${name.toUpperCase()}_DATABASE_URL`

const Databases: z.ZodType<Record<string, string>> = z.object(
  Object.fromEntries(RECONCILED.map((name) => [variable(name), database])),
)

export const Settings = z
  .object({
    MONOLITH_DATABASE_URL: database,
    CONTROL_URL: z.url({ protocol: /^https?$/ }).default('http://127.0.0.1:9090'),
    BANYAN_CONTROL_TOKEN: z.string().min(16),
    /** Five fields, UTC; Mondays at three. */
    RECONCILIATION_CRON: z.string().default('0 3 * * 1'),
  })
  .and(Databases)
export type Settings = z.infer<typeof Settings>

/** The databases by what `reconcile` calls them. */
export function databasesOf(settings: Settings): Record<'monolith' | RowsName, string> {
  const services = RECONCILED.map((name) => [name, settings[variable(name)]!])
  return { monolith: settings.MONOLITH_DATABASE_URL, ...Object.fromEntries(services) }
}
