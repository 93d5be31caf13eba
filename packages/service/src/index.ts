/** So that a service needs one package: what it says is defined with the same one as what it answers. */
export { defineEvent } from '@banyan/bus'
export {
  CertificateFiles,
  type CertificateFilesOptions,
  type CertificatePaths,
  CircuitBreaker,
  type CircuitOptions,
  type CircuitState,
} from '@banyan/contracts'
export type { WriteFailure } from './answer-error.ts'
export { askAgain } from './ask-again.ts'
export {
  type AnswerOf,
  type Api,
  type ApiRoutes,
  type ArgumentsOf,
  bytes,
  defineApi,
  listOf,
  type RouteDescription,
  type RouteOptions,
  routeOptions,
} from './client/api.ts'
export { Bulkhead, type BulkheadOptions } from './client/bulkhead.ts'
export { CallError, type ErrorAnswer } from './client/call-error.ts'
export type { CallContext } from './client/call-request.ts'
export {
  type CallOptions,
  type CallReport,
  type Client,
  type ClientOptions,
  createClient,
} from './client/client.ts'
export type { ServiceContext, Transaction } from './context.ts'
export { credentialsFrom } from './credentials/credentials-from.ts'
export type { Database, DatabaseDefinition, Tables } from './database.ts'
export {
  type App,
  defineService,
  type Limits,
  type Routes,
  type ServiceDefinition,
} from './define.ts'
export type { ClientsOf, Dependencies, Dependency } from './dependencies.ts'
export { defineErrors, type Failure, noSuch, ServiceError } from './errors.ts'
export type { Hear, Reaction } from './events.ts'
export { isPassing, NOT_OWNER_STATE, rootCause } from './failures.ts'
export type { Check } from './health.ts'
export type { Log } from './log.ts'
export { madeOnce } from './made-once.ts'
export type { Metrics } from './metrics.ts'
export { defineCursor, type Page, type PageLimits, pageOf, pageQuery } from './pages.ts'
export { SettingsError } from './process-settings.ts'
export { type RunningService, runService, type StartOptions, startService } from './run.ts'
export { currentScope, type Scope } from './scope.ts'
export { mutualTlsAgent, mutualTlsOptions, renewCertificates } from './tls/mutual-tls.ts'
export { type CallerGuardOptions, guardCallers } from './tokens/caller-guard.ts'
export { keySetFrom, newServiceKey, type ServiceKeyPair, SigningKey } from './tokens/service-key.ts'
export { ServiceTokenVerifier } from './tokens/service-token-verifier.ts'
export { ServiceTokens } from './tokens/service-tokens.ts'
