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
}

export interface CallerGuardOptions {
  readonly tokens: Pick<ServiceTokenVerifier, 'verify'>
  /** Whether a token is believed only beside a client certificate with the same name. */
  readonly matchCertificate?: boolean
}

/**
 * Lets a route's `callers` in and no other service. Routes below /internal are for services alone: any
 * service that is known, where `callers` names none. A token that is sent is checked, asked for or not.
 *
 * @returns the calling service's name, or null for a request that came without a token.
 */
export function guardCallers(
  app: FastifyInstance,
  { tokens, matchCertificate = false }: CallerGuardOptions,
): (request: FastifyRequest) => string | null {
  const callers = new WeakMap<FastifyRequest, string>()
  app.addHook('onRequest', async (request) => {
    const { config, url: route } = request.routeOptions
    const token = request.headers[SERVICE_TOKEN_HEADER]
    if (token === undefined) {
      // The route's own pattern, not the request's path: that has many spellings.
      if (config.callers || isInternal(route)) refuse(`Send ${SERVICE_TOKEN_HEADER}`)
      return
    }
    // Two headers are one with a comma, which no token has; `verify` refuses it.
    const caller = typeof token === 'string' ? await tokens.verify(token) : null
    if (caller === null) return refuse('The service token is not valid here')
    if (matchCertificate && !certificateNames(request.raw.socket as TLSSocket).includes(caller)) {
      refuse('The client certificate is not that of the service token')
    }
    if (config.callers && !config.callers.includes(caller)) {
      const allowed = config.callers.join(', ') || 'none'
      throw new BanyanError('CALLER_NOT_ALLOWED', { caller, route, allowed })
    }
    callers.set(request, caller)
  })
  return (request) => callers.get(request) ?? null
}

function isInternal(route: string | undefined): boolean {
  return route === INTERNAL_PREFIX || (route?.startsWith(`${INTERNAL_PREFIX}/`) ?? false)
}

function refuse(reason: string): never {
  throw new BanyanError('BAD_SERVICE_TOKEN', { reason })
}
