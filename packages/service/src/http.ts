/**
 * What a process that is no service answers alike with them. An entry of its own, which loads neither
 * databases' mappers nor brokers.
 */
export type { App } from './define.ts'
export { noSuch } from './errors.ts'
export { type Check, Health } from './health.ts'
export { createHttpApp, type HttpAppParts } from './http-app.ts'
export { createLog, type Log } from './log.ts'
export { Metrics, watchPool } from './metrics.ts'
export { readProcessSettings, SettingsError } from './process-settings.ts'
export { SigningKey } from './tokens/service-key.ts'
export { ServiceTokens } from './tokens/service-tokens.ts'
export { traceStatements } from './tracing/sql.ts'
export { Tracing } from './tracing/tracing.ts'
