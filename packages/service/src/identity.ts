import {
  BanyanError,
  IDENTITY_HEADERS,
  type Identity,
  type IdentityKeys,
  IdentityVerifier,
} from '@banyan/contracts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { noSuch } from './errors.ts'
import { currentScope } from './scope.ts'
import { forServices } from './tokens/caller-guard.ts'

/**
 * Who may ask a route: a user whom the gateway's signed identity names (the default), a service with a
 * token (the default below /internal), or anybody. A route's `callers` are asked for beside it.
 */
export type Access = 'user' | 'service' | 'anybody'

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    /** Who asks. @throws BanyanError UNAUTHENTICATED on a route for anybody that nobody signed in asks */
    readonly user: Identity
  }
}

/** Gives requests their `user`, from the one header that is signed; bare headers are never looked at. */
export function readIdentity(app: FastifyInstance, keys: IdentityKeys): void {
  app.decorateRequest('user', {
    getter() {
      const user = currentScope()?.user
      if (!user) throw new BanyanError('UNAUTHENTICATED', { reason: 'The route needs a user.' })
      return user
    },
  })
  const verifier = new IdentityVerifier(keys)
  app.addHook('onRequest', (request, _reply, done) => {
    const scope = currentScope()
    const header = signedHeader(request)
    if (scope && header !== undefined) {
      scope.user = verifier.verify(header)
      scope.signedIdentity = scope.user ? header : null
    }
    done()
  })
}

/** Lets nobody in but whom the route is for; unknown routes below are no exception. */
export function requireAccess(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.config?.access === 'anybody' || currentScope()?.user) return done()
    // It has a service's token: guardCallers let nobody else through.
    if (forServices(request)) return done()
    const reason =
      signedHeader(request) === undefined
        ? `It has no ${IDENTITY_HEADERS.signed} header.`
        : `Its ${IDENTITY_HEADERS.signed} header is forged or expired.`
    throw new BanyanError('UNAUTHENTICATED', { reason })
  })
  app.setNotFoundHandler(() => {
    throw noSuch('route')
  })
}

function signedHeader(request: FastifyRequest): string | undefined {
  const header = request.headers[IDENTITY_HEADERS.signed]
  return Array.isArray(header) ? header[0] : header
}
