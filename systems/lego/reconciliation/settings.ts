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
    /** The MOC Management Service, to take out links to what is not there; without it they are told. */
    MOC_URL: z.url({ protocol: /^https?$/ }).optional(),
    /** Says to it who asks: a private JSON Web Key. */
    BANYAN_SIGNING_KEY: z.string().optional(),
    BANYAN_SERVICE_ISSUER: z.string().default('banyan'),
    /** Five fields, UTC; Mondays at three. */
    RECONCILIATION_CRON: z.string().default('0 3 * * 1'),
  })
  .refine((given) => !given.MOC_URL === !given.BANYAN_SIGNING_KEY, {
    error: 'MOC_URL and BANYAN_SIGNING_KEY go together',
  })
  .and(Databases)
export type Settings = z.infer<typeof Settings>

/** The databases by what `reconcile` calls them. */
export function databasesOf(settings: Settings): Record<'monolith' | RowsName, string> {
  const services = RECONCILED.map((name) => [name, settings[variable(name)]!])
  return { monolith: settings.MONOLITH_DATABASE_URL, ...Object.fromEntries(services) }
}
