import { z } from 'zod'
import { isSecretName } from './secrets.ts'

/** The settings of every process, whatever it serves. */
export const ProcessSettings = z.object({
  /** Stays reachable, but not ready, this long after SIGTERM, ms: until a load balancer has noticed. */
  DRAIN_DELAY_MS: z.coerce.number().int().min(0).max(20_000).default(0),
  /** Where traces go (OTLP over HTTP), e.g. `http://127.0.0.1:4318`; nowhere when it is not set. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
})

/** The settings of a process are not as they should be; the message names each. */
export class SettingsError extends Error {
  constructor(process: string, faults: readonly string[]) {
    const count = faults.length === 1 ? '1 setting is' : `${faults.length} settings are`
    super(`${process}: ${count} not valid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`)
    this.name = 'SettingsError'
  }
}

/**
 * Reads settings from the environment. A variable that is set to nothing counts as not set.
 *
 * @throws SettingsError that names the process, and each variable with the rule it breaks
 */
export function readVariables(
  process: string,
  rules: readonly z.ZodType[],
  env: NodeJS.ProcessEnv,
): object {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const faults: string[] = []
  let settings = {}
  for (const rule of rules) {
    const parsed = rule.safeParse(given)
    if (parsed.success) settings = { ...settings, ...(parsed.data as object) }
    else faults.push(...parsed.error.issues.map((issue) => faultOf(issue, given)))
  }
  if (faults.length > 0) throw new SettingsError(process, [...new Set(faults)])
  return settings
}

/** The settings of a process that is no service. @throws SettingsError */
export function readProcessSettings(
  process: string,
  env: NodeJS.ProcessEnv,
): z.infer<typeof ProcessSettings> {
  return readVariables(process, [ProcessSettings], env) as z.infer<typeof ProcessSettings>
}

function faultOf(issue: z.core.$ZodIssue, given: NodeJS.ProcessEnv): string {
  const variable = issue.path.join('.') || 'settings'
  const value = given[variable]
  if (value === undefined && issue.path.length > 0)
    return `${variable} is not set: ${issue.message}`
  if (value === undefined || isSecretName(variable)) return `${variable}: ${issue.message}`
  return `${variable} is ${JSON.stringify(value.slice(0, 100))}: ${issue.message}`
}
