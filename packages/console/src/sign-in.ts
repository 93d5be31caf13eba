import { BanyanError } from '@banyan/contracts'
import { hasToken, type Identify, isSame, type Plan, type SignedIn } from '@banyan/migration'
import type { App } from '@banyan/service/http'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { Attempts } from './attempts.ts'
import {
  linkAnswer,
  linkRequest,
  type SignInRequest,
  sessionAnswer,
  signInRequest,
} from './session-schemas.ts'
import { forgeryTokenOf, LINK_S, SESSION_S, type Sessions } from './sessions.ts'

const COOKIE = 'banyan_session'
const FORGERY_HEADER = 'x-banyan-forgery'

/** Signs people in and out. @returns who asks, for the control API. */
export function answerSignIn(
  app: App,
  sessions: Sessions,
  { token, viewerToken }: Plan['control'],
): Identify {
  const attempts = new Attempts()
  const identify: Identify = async (request) => {
    const secret = secretOf(request)
    const signedIn = secret === null ? null : await sessions.find(secret)
    if (signedIn && secret !== null && request.method !== 'GET') refuseForgery(request, secret)
    return signedIn
  }

  app.post(
    '/console/session',
    {
      schema: {
        summary: 'Signs in, with a token of the plan or a link',
        body: signInRequest,
        response: { 200: sessionAnswer },
      },
    },
    async (request, reply) => {
      attempts.check(request.ip)
      const who = await whoIs(request.body)
      if (!who) {
        attempts.note(request.ip)
        throw new BanyanError('SIGN_IN_REFUSED', {
          given: 'link' in request.body ? 'link' : 'token',
        })
      }
      const secret = await sessions.open(who)
      reply.header('set-cookie', cookieOf(request, secret, SESSION_S))
      reply.header('cache-control', 'no-store')
      return { ...who, forgeryToken: forgeryTokenOf(secret) }
    },
  )
  app.get(
    '/console/session',
    { schema: { summary: 'Who is signed in', response: { 200: sessionAnswer } } },
    async (request, reply) => {
      const who = await identify(request)
      const secret = secretOf(request)
      if (!who || secret === null) throw new BanyanError('UNAUTHORISED')
      reply.header('cache-control', 'no-store')
      return { ...who, forgeryToken: forgeryTokenOf(secret) }
    },
  )
  app.delete(
    '/console/session',
    { schema: { summary: 'Signs out', response: { 204: z.null() } } },
    async (request, reply) => {
      const secret = secretOf(request)
      if (secret !== null && (await identify(request))) await sessions.close(secret)
      return reply
        .header('set-cookie', cookieOf(request, '', 0))
        .code(204)
        .send(null)
    },
  )
  app.post(
    '/console/links',
    {
      schema: {
        summary: 'Makes a link that signs somebody in, once; only with the token of operators',
        body: linkRequest,
        response: { 200: linkAnswer },
      },
    },
    async ({ headers, body }) => {
      if (!hasToken(headers.authorization, token)) throw new BanyanError('UNAUTHORISED')
      // Behind the "#", so that no server and no proxy writes it into a log.
      return { path: `/sign-in#${await sessions.link(body)}`, seconds: LINK_S }
    },
  )
  return identify

  async function whoIs(given: SignInRequest): Promise<SignedIn | null> {
    if ('link' in given) return sessions.redeem(given.link)
    if (isSame(given.token, token)) return { name: given.name, role: 'operator' }
    const viewer = viewerToken !== undefined && isSame(given.token, viewerToken)
    return viewer ? { name: given.name, role: 'viewer' } : null
  }
}

/** Beside SameSite, which browsers of old do not know. */
function refuseForgery({ headers }: FastifyRequest, secret: string): void {
  const from = headers['sec-fetch-site'] ?? 'same-origin'
  const sent = headers[FORGERY_HEADER]
  const own = typeof sent === 'string' && isSame(sent, forgeryTokenOf(secret))
  if (own && from === 'same-origin') return
  throw new BanyanError('FORBIDDEN', {
    reason: `Only the console’s own page decides with its session (header ${FORGERY_HEADER}).`,
  })
}

function secretOf({ headers }: FastifyRequest): string | null {
  const found = new RegExp(`(?:^|;\\s*)${COOKIE}=([\\w-]{43})(?:;|$)`).exec(headers.cookie ?? '')
  return found?.[1] ?? null
}

function cookieOf({ headers, protocol }: FastifyRequest, secret: string, seconds: number): string {
  // Over plain HTTP, on this machine, a browser would not keep a secure one.
  const secure = protocol === 'https' || headers['x-forwarded-proto'] === 'https'
  const parts = [`${COOKIE}=${secret}`, 'Path=/', 'HttpOnly', 'SameSite=Strict']
  return [...parts, `Max-Age=${seconds}`, ...(secure ? ['Secure'] : [])].join('; ')
}
