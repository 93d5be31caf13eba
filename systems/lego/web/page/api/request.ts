import { type Asked, type Failure, failureOf } from './failure.ts'
import { currentToken, end } from './session.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Asking {
  readonly signal?: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
}

/** 128 bits in hexadecimal. `crypto.randomUUID` is not there on a phone that comes by plain HTTP. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** What every request carries; the id is what a failure is told with. */
export function headersWith(more: Readonly<Record<string, string>> = {}): {
  headers: Record<string, string>
  correlationId: string
} {
  const correlationId = newId()
  const token = currentToken()
  return {
    correlationId,
    headers: {
      accept: 'application/json',
      'x-correlation-id': correlationId,
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...more,
    },
  }
}

/**
 * Asks, and answers the body.
 *
 * @throws Failure
 */
export async function ask<T>(
  method: Method,
  path: string,
  body?: unknown,
  asking: Asking = {},
): Promise<T> {
  const { answer, correlationId } = await send(method, path, body, asking)
  if (answer.status === 204) return null as T
  return (await bodyOf(answer, { method, correlationId })) as T
}

/** The answer's bytes, as a file. @throws Failure */
export async function askFile(path: string): Promise<Blob> {
  const { answer } = await send('GET', path)
  return answer.blob()
}

async function send(method: Method, path: string, body?: unknown, asking: Asking = {}) {
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  const { headers, correlationId } = headersWith({ ...json, ...asking.headers })
  const request: Asked = { method, correlationId }
  let answer: Response
  try {
    answer = await fetch(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(asking.signal ? { signal: asking.signal } : {}),
    })
  } catch (error) {
    if (asking.signal?.aborted) throw error
    throw failureOf(0, null, request)
  }
  if (!answer.ok) {
    const retryAfter = answer.headers.get('retry-after')
    throw refusal(answer.status, await bodyOf(answer, request), { ...request, retryAfter })
  }
  return { answer, correlationId }
}

/** A refusal as a failure; one for want of a good token ends the session. */
export function refusal(status: number, body: unknown, request: Asked): Failure {
  if (status === 401 && currentToken() !== null) end('expired')
  return failureOf(status, body, request)
}

async function bodyOf(answer: Response, request: Asked): Promise<unknown> {
  const isJson = answer.headers.get('content-type')?.includes('json') ?? false
  try {
    return isJson ? await answer.json() : null
  } catch {
    // It broke off.
    throw failureOf(0, null, request)
  }
}
