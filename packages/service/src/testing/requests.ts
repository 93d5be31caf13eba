import { IDENTITY_HEADERS, signIdentity } from '@banyan/contracts'
import type { CallOptions } from '../client/client.ts'

export const IDENTITY_KEY = 'a key for these tests alone'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: unknown
}

export interface Asking {
  readonly method?: string
  readonly user?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

/** Calls for a user, as if they came through the gateway: `client.getNote({ … }, asUser('ada'))`. */
export function asUser(userId: string): CallOptions {
  return { context: { identity: signedFor(userId) } }
}

function signedFor(userId: string): string {
  return signIdentity({ userId, email: null, roles: [] }, IDENTITY_KEY)
}

/** Asks as the gateway would: with the signed identity of the user, if there is one. */
export async function ask(url: string, asking: Asking = {}): Promise<Answer> {
  const { method = asking.body === undefined ? 'GET' : 'POST', user, body, headers } = asking
  const identity = user && signedFor(user)
  const response = await fetch(url, {
    method,
    headers: {
      ...(identity ? { [IDENTITY_HEADERS.signed]: identity } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = /json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: json && text !== '' ? JSON.parse(text) : undefined,
  }
}

/** What one look counts for at most, ms: a machine that stood still for a minute has not waited for one. */
const LOOK_COUNTS_MS = 1_000

/** Looks again, 20 ms apart, until the answer is truthy. @throws Error after `timeoutMs` */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  timeoutMs = 40_000,
): Promise<T> {
  let waited = 0
  for (let since = performance.now(); ; ) {
    const seen = await look()
    if (seen) return seen
    if (waited > timeoutMs) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const now = performance.now()
    waited += Math.min(now - since, LOOK_COUNTS_MS)
    since = now
  }
}
