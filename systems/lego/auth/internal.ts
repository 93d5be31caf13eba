import { SERVICE_TOKEN_HEADER } from '@banyan/contracts'
import { type ApiRoutes, keySetFrom, ServiceTokenVerifier } from '@banyan/service'
import express, { type RequestHandler, Router } from 'express'
import { authApi } from './client.ts'
import { AuthError, read } from './errors.ts'
import type { Settings } from './settings.ts'
import type { UserStore } from './user-store.ts'

/**
 * What other services may ask, each request with a token of theirs for this service.
 *
 * @param keys their public keys: a JSON Web Key Set, its URL, or its file
 */
export function internalRoutes(
  users: UserStore,
  { BANYAN_SERVICE_ISSUER: issuer }: Settings,
  keys: string,
): Router {
  const { getUser, knownUsers: known } = authApi.routes
  const tokens = new ServiceTokenVerifier({
    audience: authApi.name,
    issuer,
    keys: keySetFrom(keys),
  })
  const router = Router()

  router.get(authApi.prefix + getUser.path, callersOf(getUser), async (req, res) => {
    const { id } = read(getUser.params, req.params)
    if ((await users.known([id])).length === 0) {
      throw new AuthError(404, 'NOT_FOUND', 'There is no such user')
    }
    res.json({ id })
  })
  // 1,000 ids are more than the bodies of everybody may have.
  const body = express.json({ limit: '256kb' })
  router.post(authApi.prefix + known.path, callersOf(known), body, async (req, res) => {
    res.json({ known: await users.known(read(known.body, req.body).ids) })
  })
  return router

  function callersOf({ callers }: ApiRoutes[string]): RequestHandler {
    return async (req, _res, next) => {
      const token = req.get(SERVICE_TOKEN_HEADER)
      const caller = token === undefined ? null : await tokens.verify(token)
      if (!caller) throw new AuthError(401, 'UNAUTHENTICATED', 'A service token is needed')
      if (!callers?.includes(caller)) {
        throw new AuthError(403, 'FORBIDDEN', `The service ${caller} may not ask this`)
      }
      next()
    }
  }
}
