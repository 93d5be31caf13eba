import { CORRELATION_HEADER } from '@banyan/contracts'
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { answerError } from './answer-error.ts'
import type { App, Limits } from './define.ts'
import { noSuch } from './errors.ts'
import type { Health } from './health.ts'
import type { Log } from './log.ts'
import { countRequests, type Metrics } from './metrics.ts'
import { type Described, describe } from './openapi.ts'
import { correlationIdOf, withScope } from './scope.ts'
import { type Certified, openServer } from './server.ts'
import { openScopes, pathOf } from './tracing/requests.ts'
import type { Tracing } from './tracing/tracing.ts'

const LIMITS: Limits = { bodyBytes: 1024 * 1024, headersMs: 10_000, requestMs: 30_000 }

/** Of a value in a path as it was sent: 100 characters of any alphabet, percent-encoded. */
const LONGEST_PARAM = 1_200

export interface HttpAppParts extends Described {
  readonly log: Log
  readonly metrics: Metrics
  readonly health: Health
  readonly tracing: Tracing
  /** null where it listens without TLS. */
  readonly tls: Certified | null
  readonly limits?: Partial<Limits> | undefined
  /** Asked before a failure is written; null lets it be. */
  readonly answerInstead?: (
    error: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
  ) => FastifyReply | null
}

/**
 * What every process of ours answers alike over HTTP: failures as problem details, its OpenAPI document
 * with a page, health, metrics; with a scope, a log line and a span for each request. Routes, and who may
 * ask them, are added to what it answers.
 */
export async function createHttpApp(parts: HttpAppParts): Promise<App> {
  const { answerInstead, writeFailure, metrics, tracing } = parts
  const limits = { ...LIMITS, ...parts.limits }
  const log: FastifyBaseLogger = parts.log
  const app = fastify({
    loggerInstance: log,
    // Lines of our own instead (logRequests): Fastify's have the query, in which tokens travel.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytes,
    serverFactory: (listener) => openServer(listener, limits, parts.tls),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: LONGEST_PARAM },
    // Paths that cannot be read meet no route, and no error handler.
    frameworkErrors: (error, request, reply) => answerError(writeFailure, error, request, reply),
    // A request that arrives on a kept connection while we close is answered, not refused.
    return503OnClosing: false,
    genReqId: (request) => correlationIdOf(request.headers[CORRELATION_HEADER]),
    // The log knows the scope already.
    childLoggerFactory: (logger) => logger,
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  // Text is no body of ours: refused by its type, not by a rule of the route.
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler<FastifyError>(
    (error, request, reply) =>
      answerInstead?.(error, request, reply) ?? answerError(writeFailure, error, request, reply),
  )
  app.setNotFoundHandler(() => {
    throw noSuch('route')
  })
  openScopes(app, tracing)
  countRequests(app, metrics)
  logRequests(app)
  letGoWhenStopping(app, parts.health)
  await describe(app, parts)
  answerOperators(app, parts)
  return app
}

/**
 * Connections end with their answer while the process stops: one that a client keeps for its next request
 * would hold the process up until the deadline.
 */
function letGoWhenStopping(app: FastifyInstance, health: Health): void {
  app.addHook('onSend', (_request, reply, body, done) => {
    if (health.stopping) reply.header('connection', 'close')
    done(null, body)
  })
  // Of an answer that had begun before, the connection is idle only after its last byte.
  app.addHook('onResponse', (_request, _reply, done) => {
    if (health.stopping) setImmediate(() => app.server.closeIdleConnections())
    done()
  })
}

function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions } = request
    if (routeOptions.config?.quiet) return done()
    const ms = Math.round(reply.elapsedTime * 10) / 10
    const line = {
      method,
      path: pathOf(request),
      route: routeOptions.url,
      status: reply.statusCode,
    }
    withScope(request.scope, () => request.log.info({ ...line, ms }, 'answered'))
    done()
  })
}

/** What operators, probes and collectors ask; none of it is behind an identity. */
function answerOperators(app: FastifyInstance, { health, metrics: { registry } }: HttpAppParts) {
  const options = { schema: { hide: true }, config: { quiet: true } }
  app.get('/openapi.json', options, () => app.swagger())
  app.get('/health', options, () => ({ status: 'ok' }))
  app.get('/health/live', options, () => ({ status: 'ok' }))
  app.get('/health/ready', options, async (_request, reply) => {
    const readiness = await health.readiness()
    return reply.status(readiness.status === 'ready' ? 200 : 503).send(readiness)
  })
  app.get('/metrics', options, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  )
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its requests are not logged one by one. */
    quiet?: boolean
  }
}
