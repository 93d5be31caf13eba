import type { NextFunction, Request, Response } from 'express'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import type { Settings } from '../settings.ts'
import { HttpError } from './errors.ts'

export interface User {
  readonly id: string
  readonly email: string | null
  readonly roles: readonly string[]
}

const users = new WeakMap<Request, User>()

/** The signed-in user of a request that passed `authenticate`. */
export function userOf(req: Request): User {
  const user = users.get(req)
  if (!user) throw new HttpError(401, 'UNAUTHENTICATED', 'Sign in first')
  return user
}

export function isModerator(user: User): boolean {
  return user.roles.includes('moderator') || user.roles.includes('admin')
}

/** Middleware: checks the bearer token against the Auth Service's keys. */
export function authenticate(settings: Settings) {
  const keys = createRemoteJWKSet(new URL(settings.JWKS_URL), {
    // A rotated key is fetched when a token first names it; not more often than this, ms.
    cooldownDuration: 5_000,
  })
  const expected = { issuer: settings.ISSUER, audience: settings.AUDIENCE }

  return async (req: Request, _res: Response, next: NextFunction): Promise<void> => {
    const [scheme, token] = (req.get('authorization') ?? '').split(' ')
    if (scheme?.toLowerCase() !== 'bearer' || !token) {
      throw new HttpError(401, 'UNAUTHENTICATED', 'Sign in first')
    }
    const { payload } = await jwtVerify(token, keys, expected).catch(refuse)
    if (!payload.sub) throw new HttpError(401, 'UNAUTHENTICATED', 'Sign in first')
    users.set(req, {
      id: payload.sub,
      email: typeof payload.email === 'string' ? payload.email : null,
      roles: Array.isArray(payload.roles) ? payload.roles.map(String) : [],
    })
    next()
  }
}

function refuse(error: unknown): never {
  // Not the token's fault when the keys could not be fetched.
  const tokenIsBad =
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    error.code !== 'ERR_JOSE_GENERIC'
  if (tokenIsBad) throw new HttpError(401, 'UNAUTHENTICATED', 'Sign in first')
  throw new HttpError(503, 'UNAVAILABLE', 'The Auth Service cannot be reached, try again')
}
