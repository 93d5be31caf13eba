import { randomUUID } from 'node:crypto'
import { type CertificateFiles, type CircuitState, INTERNAL_PREFIX } from '@banyan/contracts'
import { SpanKind } from '@opentelemetry/api'
import type { Agent } from 'undici'
import { plainAgent } from './client/agent.ts'
import type { Api, ApiRoutes } from './client/api.ts'
import { type CallReport, type Client, type ClientOptions, createClient } from './client/client.ts'
import type { Check } from './health.ts'
import type { Log } from './log.ts'
import { currentScope, newScope } from './scope.ts'
import { mutualTlsAgent } from './tls/mutual-tls.ts'
import type { ServiceTokens } from './tokens/service-tokens.ts'
import type { Tracing } from './tracing/tracing.ts'
import type { UpstreamMetrics } from './upstream-metrics.ts'

/** Another service that is called, with how. */
export interface Dependency<R extends ApiRoutes = ApiRoutes>
  extends Pick<ClientOptions, 'timeoutMs' | 'bulkhead' | 'retry' | 'circuit' | 'answerBytes'> {
  readonly api: Api<R>
  /** Whether the service is not ready without it. Not so by default: one dead service must not take out all. */
  readonly required?: boolean
  /** Whether the service also runs where its setting says nothing; its client is null then. */
  readonly optional?: boolean
}

/** By the name they have in `context.clients`; the API alone where all is as usual. */
export type Dependencies = Readonly<Record<string, Api | Dependency>>

export type NoDependencies = Record<never, never>

export type ClientsOf<D extends Dependencies> = {
  readonly [N in keyof D]: D[N] extends { readonly api: Api<infer R> }
    ? Client<R> | (D[N] extends { readonly optional: true } ? null : never)
    : D[N] extends Api<infer R>
      ? Client<R>
      : never
}

/** The setting that says where a dependency answers: `FILE_STORAGE_URL` for `fileStorage`. */
export function urlSetting(name: string): string {
  return `${name.replace(/[A-Z]/g, '_$&').toUpperCase()}_URL`
}

/** Whether some route of it asks for a service token. */
export function asksForToken(given: Api | Dependency): boolean {
  const { prefix, routes } = dependencyOf(given).api
  const internal = prefix === INTERNAL_PREFIX || prefix.startsWith(`${INTERNAL_PREFIX}/`)
  return internal || Object.values(routes).some(({ callers }) => callers !== undefined)
}

/** Whether the service runs without it. */
export function isOptional(given: Api | Dependency): boolean {
  return dependencyOf(given).optional === true
}

interface OpenedDependency {
  readonly client: Client<ApiRoutes>
  readonly check: Check
  close(): Promise<void>
}

export interface DependencyParts {
  /** Without it calls carry no service token. */
  readonly tokens: ServiceTokens | null
  /** This service's own certificate, for dependencies whose URL is https. */
  readonly certificates: CertificateFiles | null
  readonly metrics: UpstreamMetrics
  readonly tracing: Tracing
  readonly log: Log
}

/** Opens the client of a dependency: each call in a span of its own, counted, its circuit watched. */
function openDependency(
  name: string,
  baseUrl: string,
  given: Api | Dependency,
  { tokens, certificates, metrics, tracing, log }: DependencyParts,
): OpenedDependency {
  const { api, required = false, optional: _, ...options } = dependencyOf(given)
  const agent = (connections?: number): Agent =>
    certificates && baseUrl.startsWith('https:')
      ? mutualTlsAgent(certificates, api.name, connections)
      : plainAgent(connections)
  const dispatcher = agent(options.bulkhead?.concurrency)
  // Its own connection: calls that hang must not keep the answer whether the service is there.
  const probe = agent(1)
  const client = createClient(api, {
    ...options,
    baseUrl,
    dispatcher,
    ...(tokens ? { tokens } : {}),
    around: (route, run) => {
      const { method, path } = api.routes[route]!
      const attributes = {
        'peer.service': api.name,
        'http.request.method': method,
        'url.template': `${api.prefix}${path}`,
      }
      const scope = currentScope() ?? newScope(randomUUID())
      return tracing.within(`${name}.${route}`, scope, { kind: SpanKind.CLIENT, attributes }, run)
    },
    onCall: (report) => {
      annotate(report)
      metrics.count(name, report)
    },
    onCircuit: (state) => {
      log.warn({ upstream: name, circuit: state }, 'a circuit changed')
      if (state === 'open') metrics.opened(name)
    },
  })
  metrics.watch(name, client)
  const circuit = (): CircuitState => client.circuit
  const check = () => isThere(probe, baseUrl)
  return {
    client,
    check: { name, required, check, circuit },
    async close() {
      await Promise.all([dispatcher.close(), probe.close()])
    },
  }
}

function dependencyOf(given: Api | Dependency): Dependency {
  return 'api' in given ? given : { api: given }
}

function annotate({ status, attempts }: CallReport): void {
  const span = currentScope()?.span
  if (!span) return
  if (status !== null) span.setAttribute('http.response.status_code', status)
  if (attempts > 1) span.setAttribute('http.request.resend_count', attempts - 1)
}

/** Whether it lives, not whether it is ready: services that need each other would wait in a ring. */
async function isThere(agent: Agent, origin: string): Promise<void> {
  const { statusCode, body } = await agent.request({ origin, path: '/health/live', method: 'GET' })
  await body.dump()
  if (statusCode !== 200) throw new Error(`/health/live answered ${statusCode}`)
}

/** Opens them all; `close` ends their connections once the calls under way are answered. */
export function openDependencies<D extends Dependencies>(
  dependencies: D | undefined,
  settings: object,
  parts: DependencyParts,
): { clients: ClientsOf<D>; checks: readonly Check[]; close(): Promise<void> } {
  const urls = settings as Readonly<Record<string, string | undefined>>
  const all = Object.entries(dependencies ?? {}).map(([name, given]) => {
    // Only of one that is optional; the settings are refused otherwise.
    const url = urls[urlSetting(name)]
    return [name, url === undefined ? null : openDependency(name, url, given, parts)] as const
  })
  const clients = Object.fromEntries(all.map(([name, one]) => [name, one?.client ?? null]))
  const opened = all.flatMap(([, one]) => one ?? [])
  return {
    clients: Object.freeze(clients) as ClientsOf<D>,
    checks: opened.map(({ check }) => check),
    async close() {
      await Promise.all(opened.map((one) => one.close()))
    },
  }
}
