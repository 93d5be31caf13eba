import { timingSafeEqual } from 'node:crypto'
import { BanyanError } from '@banyan/contracts'
import type { App } from '@banyan/service/http'
import type { FastifyRequest } from 'fastify'
import type { Role } from './status.ts'

/** Somebody whom a console has signed in. */
export interface SignedIn {
  readonly name: string
  readonly role: Role
}

/** Who is signed in, of requests without a token; null: nobody. @throws FORBIDDEN when it is not they who ask. */
export type Identify = (request: FastifyRequest) => Promise<SignedIn | null>

export interface Callers {
  /** Of operators and gateways. */
  readonly token: string
  /** Of those who may only watch; nobody by it when undefined. */
  readonly viewerToken?: string | undefined
  readonly identify?: Identify | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null where a token was sent: whoever has it says by himself who asks. */
    signedIn: SignedIn | null
  }
}

/**
 * Lets those in who may ask: by bearer token, or signed in. Viewers read. What somebody signed in decides goes to
 * the ledger under the name of the session, whatever the request says, and not without a reason.
 */
export function requireCaller(api: App, callers: Callers): void {
  api.decorateRequest('signedIn', null)
  api.addHook('onRequest', async (request) => {
    const { authorization } = request.headers
    if (hasToken(authorization, callers.token)) return
    const viewer = callers.viewerToken !== undefined && hasToken(authorization, callers.viewerToken)
    const signedIn =
      viewer || authorization !== undefined ? null : ((await callers.identify?.(request)) ?? null)
    if (!viewer && !signedIn) throw new BanyanError('UNAUTHORISED')
    request.signedIn = signedIn
    if (request.method === 'GET') return
    if (viewer || signedIn?.role === 'viewer') {
      throw new BanyanError('FORBIDDEN', { reason: 'Viewers watch; operators decide.' })
    }
    // The engine sends its token to a gateway that registers: whoever is signed in must not come by it so.
    if (request.routeOptions.url?.startsWith('/v1/gateways')) {
      throw new BanyanError('FORBIDDEN', { reason: 'Gateways are registered with the token.' })
    }
  })
  api.addHook('preValidation', async (request) => {
    const { signedIn, body } = request
    if (!signedIn || request.method === 'GET') return
    const asked = typeof body === 'object' && body !== null ? body : {}
    const why = 'why' in asked && typeof asked.why === 'string' ? asked.why.trim() : ''
    if (why === '')
      throw new BanyanError('BAD_REQUEST', { reason: 'why is missing: the ledger keeps it' })
    request.body = { ...asked, why, by: signedIn.name }
  })
}

/** In time that does not depend on how much of it is right. */
export function hasToken(authorization: string | undefined, token: string): boolean {
  return isSame(authorization ?? '', `Bearer ${token}`)
}

export function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
