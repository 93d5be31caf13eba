import { CORRELATION_HEADER, readTraceparent } from '@banyan/contracts'
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { newScope, type Scope, withScope } from '../scope.ts'
import type { Tracing } from './tracing.ts'

declare module 'fastify' {
  interface FastifyRequest {
    scope: Scope
  }
}

/** Everything a request sets off runs in its scope, and, where spans are collected, in its span. */
export function openScopes(app: FastifyInstance, tracing: Tracing): void {
  app.decorateRequest('scope')
  app.addHook('onRequest', (request, reply, done) => {
    reply.header(CORRELATION_HEADER, request.id)
    const scope = newScope(request.id, readTraceparent(request.headers.traceparent))
    if (!request.routeOptions.config?.quiet) {
      const { kind, name, attributes } = spanOf(request)
      scope.span = tracing.start(name, scope.remote, { kind, attributes })
    }
    request.scope = scope
    withScope(scope, done)
  })
  // Reading a body goes on in the socket's own context.
  app.addHook('preValidation', (request, _reply, done) => withScope(request.scope, done))
  app.addHook('onResponse', ({ scope: { span } }, reply, done) => {
    span?.setAttribute('http.response.status_code', reply.statusCode)
    if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR })
    span?.end()
    done()
  })
}

/** The path without its query: tokens travel there. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]!
}

function spanOf(request: FastifyRequest) {
  const { method } = request
  const { url: route } = request.routeOptions
  const attributes: Attributes = {
    'http.request.method': method,
    'url.path': pathOf(request),
    ...(route ? { 'http.route': route } : {}),
  }
  return { kind: SpanKind.SERVER, name: route ? `${method} ${route}` : method, attributes }
}
