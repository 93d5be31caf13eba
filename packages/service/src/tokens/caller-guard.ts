import type { TLSSocket } from 'node:tls'
import { BanyanError, INTERNAL_PREFIX, SERVICE_TOKEN_HEADER } from '@banyan/contracts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { certificateNames } from '../tls/certificate-names.ts'
import type { ServiceTokenVerifier } from './service-token-verifier.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Services that may call the route; without it the route asks for no service token. */
    readonly callers?: readonly string[]
  }
  interface FastifyRequest {
    /** The service that calls, as its token says; null for a request without one. */
    readonly caller: string | null
  }
}

export interface CallerGuardOptions {
  readonly tokens: Pick<ServiceTokenVerifier, 'verify'>
  /** Whether a token is believed only beside a client certificate with the same name. */
  readonly matchCertificate?: boolean
}

/**
 * Lets a route's `callers` in and no other service. Routes below /internal are for services alone: any
 * service that is known, where `callers` names none. A token that is sent is checked, asked for or not.
 * The request's `caller` says who it was.
 */
export function guardCallers(
  app: FastifyInstance,
  { tokens, matchCertificate = false }: CallerGuardOptions,
): void {
  const callers = new WeakMap<FastifyRequest, string>()
  app.decorateRequest('caller', {
    getter() {
      return callers.get(this) ?? null
    },
  })
  app.addHook('onRequest', async (request) => {
    const { config, url: route } = request.routeOptions
    const token = request.headers[SERVICE_TOKEN_HEADER]
    if (token === undefined) {
      // The route's own pattern, not the request's path: that has many spellings.
      if (config?.callers || forServices(request)) refuse(`Send ${SERVICE_TOKEN_HEADER}`)
      return
    }
    // Two headers are one with a comma, which no token has; `verify` refuses it.
    const caller = typeof token === 'string' ? await tokens.verify(token) : null
    if (caller === null) return refuse('The service token is not valid here')
    if (matchCertificate && !certificateNames(request.raw.socket as TLSSocket).includes(caller)) {
      refuse('The client certificate is not that of the service token')
    }
    if (config?.callers && !config.callers.includes(caller)) {
      const allowed = config.callers.join(', ') || 'none'
      throw new BanyanError('CALLER_NOT_ALLOWED', { caller, route, allowed })
    }
    callers.set(request, caller)
  })
}

/** Whether a route is for services alone, with or without a user. */
export function forServices({ routeOptions: { config, url: route } }: FastifyRequest): boolean {
  if (config?.access !== undefined) return config.access === 'service'
  return route === INTERNAL_PREFIX || (route?.startsWith(`${INTERNAL_PREFIX}/`) ?? false)
}

function refuse(reason: string): never {
  throw new BanyanError('BAD_SERVICE_TOKEN', { reason })
}
