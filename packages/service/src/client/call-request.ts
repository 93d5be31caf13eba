import {
  CORRELATION_HEADER,
  IDENTITY_HEADERS,
  SERVICE_TOKEN_HEADER,
  writeTraceparent,
} from '@banyan/contracts'
import { currentScope, currentTrace } from '../scope.ts'
import type { Api, RouteDescription } from './api.ts'

export const IDEMPOTENCY_HEADER = 'idempotency-key'
const TRACE_HEADER = 'traceparent'

/** What a call carries on of the request that it is made for. */
export interface CallContext {
  readonly correlationId?: string
  /** W3C Trace Context. */
  readonly traceparent?: string
  /** The user's signed identity as it came: the called service verifies it itself. */
  readonly identity?: string
}

/** The context of what is being worked on (`currentScope`); empty outside of any. */
export function contextOfScope(): CallContext {
  const scope = currentScope()
  if (!scope) return {}
  const { correlationId, signedIdentity } = scope
  const trace = currentTrace()
  return {
    correlationId,
    ...(signedIdentity === null ? {} : { identity: signedIdentity }),
    ...(trace ? { traceparent: writeTraceparent(trace) } : {}),
  }
}

/** Arguments as they come, whatever the route. */
export interface AnyArguments {
  readonly params?: unknown
  readonly query?: unknown
  readonly body?: unknown
}

export interface CallRequest {
  readonly method: RouteDescription['method']
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | null
}

/**
 * @throws TypeError for a path parameter that would change the path ("", ".", ".."), or a query value
 *   that is no text, number, boolean, date or list of them.
 */
export function requestOf(
  { name, prefix }: Api,
  { method, path }: RouteDescription,
  { params, query, body }: AnyArguments,
  context: CallContext,
): CallRequest {
  const values = (params ?? {}) as Record<string, unknown>
  const filled = path.replace(/:(\w+)/g, (_, key: string) =>
    segment(`${name} ${path}`, key, values),
  )
  const trimmed = prefix !== '' && filled === '/' ? prefix : `${prefix}${filled}`
  const bytes = body instanceof Uint8Array
  return {
    method,
    path: `${trimmed}${queryOf(query as Record<string, unknown> | undefined)}`,
    headers: {
      accept: 'application/json, */*;q=0.5',
      [CORRELATION_HEADER]: context.correlationId ?? crypto.randomUUID(),
      ...(context.traceparent === undefined ? {} : { [TRACE_HEADER]: context.traceparent }),
      ...(context.identity === undefined ? {} : { [IDENTITY_HEADERS.signed]: context.identity }),
      ...(body === undefined
        ? {}
        : { 'content-type': bytes ? 'application/octet-stream' : 'application/json' }),
    },
    body: body === undefined ? null : bytes ? body : JSON.stringify(body),
  }
}

export function withHeader(request: CallRequest, name: string, value: string): CallRequest {
  return { ...request, headers: { ...request.headers, [name]: value } }
}

export const withServiceToken = (request: CallRequest, token: string) =>
  withHeader(request, SERVICE_TOKEN_HEADER, token)

function segment(where: string, key: string, values: Record<string, unknown>): string {
  const text = String(values[key] ?? '')
  // encodeURIComponent leaves dots alone, and ".." would be another route.
  if (text === '' || text === '.' || text === '..') {
    throw new TypeError(`${where}: "${key}" is "${text}"; it must not be empty, "." or ".."`)
  }
  return encodeURIComponent(text)
}

function queryOf(query: Record<string, unknown> | undefined): string {
  const pairs = Object.entries(query ?? {}).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter((one) => one !== undefined)
      .map((one): [string, string] => [key, queryText(key, one)]),
  )
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`
}

function queryText(key: string, value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  if (['string', 'number', 'boolean', 'bigint'].includes(typeof value)) return String(value)
  throw new TypeError(`query "${key}": a ${typeof value} cannot stand in a query`)
}
