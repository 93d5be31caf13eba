import { z } from 'zod'

/** A file's content: the body or the answer of a route whose schema is this one is not JSON. */
export const bytes = z.custom<Uint8Array>((given) => given instanceof Uint8Array, 'must be bytes')

/** A list in a query: sent as `tag=a&tag=b`; one alone arrives as a text and is read as a list of it. */
export function listOf<S extends z.ZodType>(one: S) {
  return z.union([z.array(one), one.transform((value) => [value])])
}

/** One route, as its server and its callers both see it. */
export interface RouteDescription {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the API's prefix, with `:name` for each of `params`. */
  readonly path: string
  readonly summary?: string
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  /** By status. Callers get what a 2xx answers, and an error for all others. */
  readonly response: Readonly<Record<number, z.ZodType>>
  /** Services that may call it; without it the route asks for no service token. */
  readonly callers?: readonly string[]
  /** Whether doing it twice is as doing it once; GET, HEAD, PUT and DELETE are so by RFC 9110. */
  readonly idempotent?: boolean
  /** How long a caller waits in all, ms; 5,000 by default, 30,000 for files. */
  readonly timeoutMs?: number
}

export type ApiRoutes = Readonly<Record<string, RouteDescription>>

export interface Api<R extends ApiRoutes = ApiRoutes> {
  /** The service's name: the audience of tokens for it. */
  readonly name: string
  /** Before every path, e.g. `/v1/images`. */
  readonly prefix: string
  readonly routes: R
}

/** What a client has beside its routes. */
const RESERVED = ['close', 'circuit', 'load', 'then']

/**
 * Describes a service's routes once: the server takes its schemas from it (`routeOptions`), callers
 * their typed client (`createClient`).
 *
 * @throws Error that names the route whose path and params do not agree.
 */
export function defineApi<const R extends ApiRoutes>(api: Api<R>): Api<R> {
  if (!/^(\/[\w.-]+)*$/.test(api.prefix)) {
    throw new Error(
      `${api.name}: prefix "${api.prefix}" must be "" or begin, and not end, with "/"`,
    )
  }
  for (const [name, { path, params }] of Object.entries(api.routes)) {
    const where = `${api.name}.${name}`
    if (RESERVED.includes(name)) throw new Error(`${where}: a route must not be called so`)
    if (!path.startsWith('/')) throw new Error(`${where}: path "${path}" must begin with "/"`)
    const inPath = namesIn(path).sort()
    const described = params instanceof z.ZodObject ? Object.keys(params.shape).sort() : inPath
    if (inPath.join() !== (params ? described : []).join()) {
      throw new Error(
        `${where}: path "${path}" has params (${inPath}), the schema has (${params ? described : ''})`,
      )
    }
  }
  return api
}

function namesIn(path: string): string[] {
  return [...path.matchAll(/:(\w+)/g)].map((match) => match[1]!)
}

type SchemaOf<R extends RouteDescription> = (R extends { params: infer P }
  ? { params: P }
  : unknown) &
  (R extends { query: infer Q } ? { querystring: Q } : unknown) &
  (R extends { body: infer B } ? { body: B } : unknown) & { response: R['response'] }

export interface RouteOptions<R extends RouteDescription> {
  readonly method: R['method']
  readonly url: string
  readonly schema: SchemaOf<R>
  readonly config: { readonly callers?: readonly string[] }
}

/**
 * What Fastify asks for in `app.route({ ...routeOptions(api, 'getImage'), handler })`. The handler's
 * request and reply are typed by fastify-type-provider-zod. Registered below the API's prefix.
 */
export function routeOptions<R extends ApiRoutes, N extends keyof R>(
  api: Api<R>,
  name: N,
): RouteOptions<R[N]> {
  const { method, path, summary, params, query, body, response, callers } = api.routes[name]!
  const schema = {
    ...(summary === undefined ? {} : { summary }),
    ...(params ? { params } : {}),
    ...(query ? { querystring: query } : {}),
    ...(body ? { body } : {}),
    response,
  }
  return {
    method,
    url: path,
    schema: schema as unknown as SchemaOf<R[N]>,
    config: callers ? { callers } : {},
  }
}

/** What a call of a route takes; `query` may be left out where all of it may. */
export type ArgumentsOf<R extends RouteDescription> = (R extends {
  params: infer P extends z.ZodType
}
  ? { readonly params: z.input<P> }
  : unknown) &
  (R extends { query: infer Q extends z.ZodType }
    ? Record<never, never> extends z.input<Q>
      ? { readonly query?: z.input<Q> }
      : { readonly query: z.input<Q> }
    : unknown) &
  (R extends { body: infer B extends z.ZodType } ? { readonly body: z.input<B> } : unknown)

/** What a call of a route resolves to: the answer of its 2xx, as the schema reads it. */
export type AnswerOf<R extends RouteDescription> = {
  [S in keyof R['response']]: `${S & number}` extends `2${string}`
    ? z.output<R['response'][S]>
    : never
}[keyof R['response']]
