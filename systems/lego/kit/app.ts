import type { Pool } from '@banyan/postgres'
import swagger from '@fastify/swagger'
import fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod'
import { answerError, noSuch, ServiceError } from './errors.ts'

export interface AppOptions {
  /** In its log. */
  readonly name: string
  /** In its OpenAPI document. */
  readonly title: string
  /** What an id in a path names, e.g. `wishlist item`. */
  readonly thing: string
  readonly prefix: string
  readonly routes: FastifyPluginAsyncZod
  /** The service's own database, for its readiness. */
  readonly pool: Pool
}

/** A service's HTTP application: its routes, health, and what all of them answer alike. */
export async function createApp({
  name,
  title,
  thing,
  prefix,
  routes,
  pool,
}: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    // To stderr: stdout carries the listening line alone.
    logger: { level: 'warn', name, stream: process.stderr },
    bodyLimit: 1024 * 1024,
    routerOptions: { ignoreTrailingSlash: true },
    // Longer than a proxy keeps its idle connections (often 60 s): it must not send into one just closed.
    keepAliveTimeout: 75_000,
    // A request that arrives on a kept connection while we close is answered, not refused.
    return503OnClosing: false,
  })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler<FastifyError>((error, request, reply) =>
    answerError(thing, error, request, reply),
  )
  app.setNotFoundHandler(() => {
    throw noSuch('route')
  })
  readBodies(app)

  await app.register(swagger, {
    openapi: { info: { title, version: '1.0.0' } },
    transform: jsonSchemaTransform,
  })
  await app.register(routes, { prefix })

  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  app.get('/health', { schema: { hide: true } }, () => ({ status: 'ok' }))
  app.get('/health/ready', { schema: { hide: true } }, async () => {
    await pool.query('SELECT 1')
    return { status: 'ok' }
  })
  return app
}

/** Reads bodies as strictly, and as leniently, as clients of these routes are used to. */
function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    (_request, body: string, done) => {
      if (body === '') return done(null, undefined)
      try {
        // Only an object or an array is a body; "text" and 1 are refused.
        if (!/^\s*[[{]/.test(body)) throw new SyntaxError('not an object or array')
        done(null, JSON.parse(body))
      } catch {
        done(new ServiceError(400, 'BAD_JSON', 'The body is not valid JSON'))
      }
    },
  )
  // No body, or one of another type: the fields it misses are named, as for an empty one.
  app.addHook('preValidation', async (request) => {
    request.body ??= {}
  })
  // A body of another type is not looked at.
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null, undefined)
  })
}
