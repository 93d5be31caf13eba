import { z } from 'zod'
import { CacheUrl } from './cache/caches.ts'
import { LOG_LEVELS } from './log.ts'
import { ProcessSettings, readVariables } from './process-settings.ts'
import { BUS_SCHEMES } from './transport.ts'

/** The settings of every service. */
const Common = ProcessSettings.extend({
  /** How much it logs. */
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  /** 0 takes a free one. */
  PORT: z.coerce.number().int().min(0).max(65535),
  /** The address it listens on. */
  HOST: z.string().default('127.0.0.1'),
  /**
   * How far the process stands back for others of its machine, as nice(1) has it: where all want a processor at once each five
   * make its share a third. In containers give them their shares instead. One that gives way (`givesWay`) has 19.
   */
  PROCESS_NICE: z.coerce.number().int().min(0).max(19).default(0),
  /** Shared with the gateway, which signs the caller's identity with it; while it changes two, with a comma. */
  BANYAN_IDENTITY_KEY: z
    .string()
    .regex(
      /^[^,]{16,}(,[^,]{16,})*$/,
      'each key must have at least 16 characters, none of them a comma',
    )
    .transform((keys) => keys.split(',')),
  /** Public keys of the services that may call: a JSON Web Key Set, its URL, or its file. None may without it. */
  BANYAN_SERVICE_KEYS: z.string().optional(),
  /** Says in calls to other services which service calls: a private JSON Web Key, or its file. */
  BANYAN_SIGNING_KEY: z.string().optional(),
  /** Names the installation in service tokens: those of another are refused. */
  BANYAN_SERVICE_ISSUER: z.string().default('banyan'),
})

const Stored = z.object({
  /** Its own database, `postgres://…`. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** Who connects, instead of the URL's user: `file:PATH` or `aws:SECRET`, read again as it changes. */
  DATABASE_CREDENTIALS: z
    .string()
    .regex(/^(file|aws):./, 'must be "file:PATH" or "aws:SECRET"')
    .optional(),
  /** `off` behind a pooler that hands connections around between transactions, and knows of no prepared ones. */
  DATABASE_PREPARED_STATEMENTS: z.enum(['on', 'off']).default('on'),
  /** How long it waits at its start for a database that cannot be reached, ms; then it ends with code 1. */
  START_WAIT_MS: z.coerce.number().int().min(0).max(600_000).default(60_000),
})

const TLS_FILES = ['TLS_CERT_FILE', 'TLS_KEY_FILE', 'TLS_CA_FILE'] as const

const Secured = z
  .object({
    /** Its own certificate; PEM, as the other two. All three or none. */
    TLS_CERT_FILE: z.string().optional(),
    /** The key to TLS_CERT_FILE. */
    TLS_KEY_FILE: z.string().optional(),
    /** The authority of those that call and are called. */
    TLS_CA_FILE: z.string().optional(),
    /** Who connects without a certificate is refused, or may do no more than a service token allows: nothing. */
    TLS_CLIENT_AUTH: z.enum(['required', 'optional']).default('required'),
  })
  .superRefine((given, context) => {
    const missing = TLS_FILES.filter((name) => given[name] === undefined)
    if (missing.length === TLS_FILES.length) return
    for (const name of missing) {
      const message = `${TLS_FILES.join(', ')} are needed together`
      context.addIssue({ code: 'custom', path: [name], message })
    }
  })

const Origin = z
  .url({ protocol: /^https?$/, error: 'must be where the service answers: http(s)://host:port' })
  .refine((url) => new URL(url).pathname === '/', 'must not have a path: the API has its own')

const Verifies = z.object({
  BANYAN_SERVICE_KEYS: z.string('it has routes below /internal, which ask for a service token'),
})

const Signs = z.object({
  BANYAN_SIGNING_KEY: z.string('it calls services that ask for a service token'),
})

const Bused = z.object({
  /** What carries events between services, e.g. `postgres://…` of a database that all of them reach. */
  BUS_URL: z.url({
    protocol: new RegExp(`^(${BUS_SCHEMES.join('|')})$`),
    error: `must be a URL of one of ${BUS_SCHEMES.join(', ')}`,
  }),
  /**
   * From a few events that left to the next ones, ms: those of this time leave together, which costs less. The first
   * after a pause waits for nothing.
   */
  EVENT_GATHER_MS: z.coerce.number().int().min(0).max(10_000).default(50),
})

const Cached = z.object({
  /** Where its caches are kept: `memory`, each process its own, or `redis://…`, one for all. */
  CACHE_URL: CacheUrl,
})

/** What is read of whom; docs/reference/service-settings.md is made of it. */
export const SETTING_GROUPS = { Common, Secured, Stored, Bused, Cached }

export type Settings = z.infer<typeof Common> &
  z.infer<typeof Secured> & {
    readonly DATABASE_URL?: string
    readonly DATABASE_CREDENTIALS?: string
    readonly DATABASE_PREPARED_STATEMENTS?: 'on' | 'off'
    readonly START_WAIT_MS?: number
    readonly BUS_URL?: string
    readonly EVENT_GATHER_MS?: number
    readonly CACHE_URL?: string
  }

export interface SettingsRules<Extra> {
  readonly name: string
  readonly port: number
  /** Whether it has a database, and whether it says or hears events. */
  readonly stored: boolean
  readonly bused: boolean
  /** Whether it has a cache. */
  readonly cached: boolean
  readonly extra: z.ZodType<Extra> | undefined
  /** Whether it has routes below /internal, and whether it calls such, or such that name their callers. */
  readonly verifies: boolean
  readonly signs: boolean
  /** Settings that say where the services are that it calls. */
  readonly upstreams: readonly { readonly setting: string; readonly optional: boolean }[]
}

/**
 * Reads a service's settings from the environment. A variable that is set to nothing counts as not set.
 *
 * @throws SettingsError that names the service, and each variable with the rule it breaks
 */
export function readSettings<Extra>(
  { name, port, stored, bused, cached, extra, verifies, signs, upstreams }: SettingsRules<Extra>,
  env: NodeJS.ProcessEnv,
): Settings & Extra {
  const rules = [
    Common,
    Secured,
    ...(verifies ? [Verifies] : []),
    ...(signs ? [Signs] : []),
    z.object(
      Object.fromEntries(
        upstreams.map(({ setting, optional }) => [setting, optional ? Origin.optional() : Origin]),
      ),
    ),
    ...(stored ? [Stored] : []),
    ...(bused ? [Bused] : []),
    ...(cached ? [Cached] : []),
    ...(extra ? [extra] : []),
  ]
  return readVariables(name, rules, { ...env, PORT: env.PORT || String(port) }) as Settings & Extra
}
