import { IDENTITY_HEADERS, verifyIdentity } from '@banyan/contracts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { noSuch, ServiceError } from './errors.ts'

/**
 * Lets nobody in but whom the gateway's signed identity names.
 *
 * @returns who asks: the user's id of a request that was let in.
 */
export function requireIdentity(
  app: FastifyInstance,
  identityKey: string,
): (request: FastifyRequest) => string {
  const users = new WeakMap<FastifyRequest, string>()
  app.addHook('onRequest', async (request) => {
    const header = request.headers[IDENTITY_HEADERS.signed]
    const identity = verifyIdentity(Array.isArray(header) ? header[0] : header, identityKey)
    if (!identity) throw new ServiceError(401, 'UNAUTHENTICATED', 'Sign in first')
    users.set(request, identity.userId)
  })
  app.setNotFoundHandler(() => {
    throw noSuch('route')
  })
  return (request) => users.get(request)!
}
