import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EventDefinition } from '@banyan/bus'
import type { JobDefinition, SagaDefinition, ScheduleDefinition } from '@banyan/durable'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import type { WriteFailure } from './answer-error.ts'
import type { ServiceContext } from './context.ts'
import type { DatabaseDefinition, Tables } from './database.ts'
import { type Dependencies, type NoDependencies, urlSetting } from './dependencies.ts'
import type { Hear } from './events.ts'
import type { Check } from './health.ts'
import type { ApiVersion } from './versions.ts'

/** A Fastify application whose routes have Zod schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>

/** Adds routes; their schemas are the OpenAPI document. */
export type Routes<
  Config = object,
  T extends Tables = Tables,
  D extends Dependencies = NoDependencies,
> = (app: App, context: ServiceContext<Config, T, D>) => void | Promise<void>

export interface ServiceDefinition<
  Config,
  T extends Tables,
  D extends Dependencies = NoDependencies,
> {
  /** Letters, digits and dashes: in logs, metrics, and as its database schema. */
  readonly name: string
  /** Where it listens when PORT says nothing else. */
  readonly port: number
  /** In its OpenAPI document. */
  readonly title: string
  /** Settings beside the common ones: a Zod object over environment variables. */
  readonly config?: z.ZodType<Config>
  readonly database?: DatabaseDefinition<T>
  /** It keeps what is dear to get in a cache (`context.cache`), in its process or where CACHE_URL says. */
  readonly cache?: true
  /**
   * Its process works with what the others of its machine leave (nice 19): of a service whose work is done in the
   * background, however much of it comes at once.
   */
  readonly givesWay?: true
  /**
   * The services it calls, by the name they have in `context.clients`: what they offer (`defineApi`, of
   * their `client.ts`). Where `orders` answers is the setting ORDERS_URL.
   */
  readonly dependencies?: D
  /** By path prefix, which begins with its version: `{ '/v1/orders': orderRoutes }`. */
  readonly routes: Readonly<
    Record<string, Routes<Config, T, D> | (ApiVersion & { readonly routes: Routes<Config, T, D> })>
  >
  /** All that the service says; others import them (`events.ts`). */
  readonly events?: readonly EventDefinition[]
  /** What it hears, from others or from itself: `(hear, context) => { hear({ name, events, handler }) }`. */
  readonly reactions?: (hear: Hear<T>, context: ServiceContext<Config, T, D>) => void
  /** What it carries through in steps, each durably; started with a transaction's `startSaga`. */
  readonly sagas?: (context: ServiceContext<Config, T, D>) => readonly SagaDefinition[]
  /** What it does at set times, once for all its processes. */
  readonly schedules?: (context: ServiceContext<Config, T, D>) => readonly ScheduleDefinition[]
  /** What it does once, later; asked for with a transaction's `later`. */
  readonly jobs?: (context: ServiceContext<Config, T, D>) => readonly JobDefinition[]
  /** Writes failures in another shape than problem details, for clients of old. */
  readonly writeFailure?: WriteFailure
  /** What `writeFailure` writes; in the OpenAPI document. */
  readonly failureSchema?: z.ZodType
  readonly limits?: Partial<Limits>
  /** What `/health/ready` asks beside its database, bus and dependencies. */
  readonly checks?: (context: ServiceContext<Config, T, D>) => readonly Check[]
  /** Runs when the service listens; what it answers is called, and awaited, when the service stops. */
  readonly start?: (context: ServiceContext<Config, T, D>) => (() => Promise<void>) | Promise<void>
}

export interface Limits {
  /** Of a request's body; 1 MiB by default. A route may have its own (`bodyLimit`). */
  readonly bodyBytes: number
  /** For a request's headers to arrive, ms; 10,000 by default. */
  readonly headersMs: number
  /** For a whole request to arrive, ms; 30,000 by default. */
  readonly requestMs: number
}

/**
 * A service, as data: nothing runs until it is given to `runService`.
 *
 * @throws Error that says which member breaks which rule
 */
export function defineService<
  Config = object,
  T extends Tables = Tables,
  const D extends Dependencies = NoDependencies,
>(definition: ServiceDefinition<Config, T, D>): ServiceDefinition<Config, T, D> {
  const { name, port, routes } = definition
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
    throw new Error(
      `"${name}" is no name of a service: small letters, digits and dashes, at most 40`,
    )
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`${name}: port is ${port}; 0 to 65535 are allowed`)
  }
  for (const prefix of Object.keys(routes)) {
    if (/^(\/internal)?\/v[1-9]\d*(\/[a-z0-9-]+)*$/.test(prefix)) continue
    throw new Error(`${name}: routes are below a version, e.g. "/v1/things"; given "${prefix}"`)
  }
  for (const dependency of Object.keys(definition.dependencies ?? {})) {
    const fits = /^[a-z][A-Za-z0-9]*$/.test(dependency)
    if (fits && !TAKEN.includes(urlSetting(dependency))) continue
    throw new Error(
      `${name}: a dependency must not be called "${dependency}"; letters and digits, small first, and not so that its setting is ${TAKEN.join(' or ')}`,
    )
  }
  if (usesDurable(definition) && !definition.database) {
    throw new Error(
      `${name}: events, sagas, schedules and jobs need a database, with whose transactions they begin`,
    )
  }
  return Object.freeze(definition)
}

/** Settings that stand for something else already. */
const TAKEN = ['DATABASE_URL', 'BUS_URL', 'CACHE_URL']

type Durably = Pick<
  ServiceDefinition<never, never, never>,
  'events' | 'reactions' | 'sagas' | 'schedules' | 'jobs'
>

/** Whether a service says or hears anything. */
export function usesBus({ events, reactions }: Durably): boolean {
  return events !== undefined || reactions !== undefined
}

/** Whether a service has anything that must outlive its process, beside its rows. */
export function usesDurable(definition: Durably): boolean {
  const { sagas, schedules, jobs } = definition
  return usesBus(definition) || [sagas, schedules, jobs].some((one) => one !== undefined)
}
