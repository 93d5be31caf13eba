import { CORRELATION_HEADER } from '@banyan/contracts'
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  LogController,
} from 'fastify'
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { answerError } from './answer-error.ts'
import type { ServiceContext } from './context.ts'
import type { Tables } from './database.ts'
import type { App, Limits, ServiceDefinition } from './define.ts'
import type { Dependencies } from './dependencies.ts'
import { noSuch } from './errors.ts'
import { isPassing } from './failures.ts'
import type { Health } from './health.ts'
import { readIdentity, requireAccess } from './identity.ts'
import { countRequests } from './metrics.ts'
import { describe } from './openapi.ts'
import { correlationIdOf, withScope } from './scope.ts'
import { type Certified, openServer } from './server.ts'
import { type Settings, SettingsError } from './settings.ts'
import { StaleAnswers } from './stale-answers.ts'
import { guardCallers } from './tokens/caller-guard.ts'
import { keySetFrom } from './tokens/service-key.ts'
import { ServiceTokenVerifier } from './tokens/service-token-verifier.ts'
import { openScopes, pathOf } from './tracing/requests.ts'
import type { Tracing } from './tracing/tracing.ts'
import { announceEnd } from './versions.ts'

const LIMITS: Limits = { bodyBytes: 1024 * 1024, headersMs: 10_000, requestMs: 30_000 }

export interface AppParts {
  readonly health: Health
  readonly tracing: Tracing
  /** null where it listens without TLS. */
  readonly tls: Certified | null
}

/** A service's HTTP application: its routes, and what every service answers alike. */
export async function createApp<Config, T extends Tables, D extends Dependencies>(
  definition: ServiceDefinition<Config, T, D>,
  context: ServiceContext<Config, T, D>,
  { health, tracing, tls }: AppParts,
): Promise<App> {
  const limits = { ...LIMITS, ...definition.limits }
  const log: FastifyBaseLogger = context.log
  const app = fastify({
    loggerInstance: log,
    // Lines of our own instead (logRequests): Fastify's have the query, in which tokens travel.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytes,
    serverFactory: (listener) => openServer(listener, limits, tls),
    routerOptions: { ignoreTrailingSlash: true },
    // A request that arrives on a kept connection while we close is answered, not refused.
    return503OnClosing: false,
    genReqId: (request) => correlationIdOf(request.headers[CORRELATION_HEADER]),
    // The log knows the scope already.
    childLoggerFactory: (logger) => logger,
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  const former = new StaleAnswers(definition.name)
  app.addHook('onSend', async (request, reply, body) => former.keep(request, reply, body))
  // Text is no body of ours: refused by its type, not by a rule of the route.
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler<FastifyError>(
    (error, request, reply) =>
      (isPassing(error) && former.answer(request, reply)) ||
      answerError(definition.writeFailure, error, request, reply),
  )
  app.setNotFoundHandler(() => {
    throw noSuch('route')
  })
  openScopes(app, tracing)
  countRequests(app, context.metrics)
  logRequests(app)
  readIdentity(app, context.config.BANYAN_IDENTITY_KEY)
  requireKeys(app, definition.name, context.config)
  const tokens = verifierOf(definition.name, context.config)
  guardCallers(app, { tokens, matchCertificate: tls !== null })

  await describe(app, definition)
  for (const [prefix, given] of Object.entries(definition.routes)) {
    const version = typeof given === 'function' ? { routes: given } : given
    await app.register(
      async (api) => {
        announceEnd(api, version)
        requireAccess(api)
        await version.routes(api.withTypeProvider<ZodTypeProvider>(), context)
      },
      { prefix },
    )
  }
  answerOperators(app, context, health)
  return app
}

function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request
    if (routeOptions.config?.quiet) return
    const ms = Math.round(reply.elapsedTime * 10) / 10
    const line = {
      method,
      path: pathOf(request),
      route: routeOptions.url,
      status: reply.statusCode,
    }
    withScope(request.scope, () => request.log.info({ ...line, ms }, 'answered'))
  })
}

/** What operators, probes and collectors ask; none of it is behind an identity. */
function answerOperators(
  app: FastifyInstance,
  { metrics: { registry } }: Pick<ServiceContext, 'metrics'>,
  health: Health,
): void {
  const options = { schema: { hide: true }, config: { quiet: true } }
  app.get('/openapi.json', options, () => app.swagger())
  app.get('/health', options, () => ({ status: 'ok' }))
  app.get('/health/live', options, () => ({ status: 'ok' }))
  app.get('/health/ready', options, async (_request, reply) => {
    const readiness = await health.readiness()
    return reply.status(readiness.status === 'ready' ? 200 : 503).send(readiness)
  })
  app.get('/metrics', options, async (_request, reply) => {
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its requests are not logged one by one. */
    quiet?: boolean
  }
}

/** A route that names its callers, and no key to know them by, is a mistake and not a closed door. */
function requireKeys(app: FastifyInstance, service: string, settings: Settings): void {
  if (settings.BANYAN_SERVICE_KEYS !== undefined) return
  app.addHook('onRoute', ({ method, url, config }) => {
    if (!config?.callers && config?.access !== 'service') return
    const fault = `BANYAN_SERVICE_KEYS is not set: ${method} ${url} asks for a service token`
    throw new SettingsError(service, [fault])
  })
}

/** Without keys there is no service that could be known, and no token is believed. */
function verifierOf(
  audience: string,
  { BANYAN_SERVICE_KEYS, BANYAN_SERVICE_ISSUER }: Settings,
): Pick<ServiceTokenVerifier, 'verify'> {
  if (BANYAN_SERVICE_KEYS === undefined) return { verify: async () => null }
  const keys = keySetFrom(BANYAN_SERVICE_KEYS)
  return new ServiceTokenVerifier({ audience, issuer: BANYAN_SERVICE_ISSUER, keys })
}
