import type {
  AccessLogSetting,
  AuthSetting,
  BreakerSetting,
  CacheSetting,
  IdentityKeys,
  LimitSetting,
  RetrySetting,
  RouteTable,
  TimeoutSetting,
  TlsSetting,
} from '@banyan/contracts'
import { z } from 'zod'
import type { RateCounter } from './limits/rate-counter.ts'
import type { StartSpan } from './observation.ts'
import type { SessionLookUp } from './session.ts'

export interface GatewayOptions {
  /** Names this gateway at the control plane; unique among its gateways. */
  readonly id: string
  /** Where clients connect. Port 0 takes a free one. */
  readonly listen: { readonly host?: string; readonly port: number }
  /** Where the control plane connects; asks for `token` as a bearer token. */
  readonly admin: { readonly host?: string; readonly port: number; readonly token: string }
  /** Base URL that everything goes to while there is no table. */
  readonly monolith: string
  /** Key of the signed identity header, or several while it changes; the services have the same. At least 16 characters each. */
  readonly identityKey: IdentityKeys
  /** How callers are recognised. */
  readonly auth: AuthSetting
  /**
   * The control plane: registers and renews its lease at the first URL that answers. Without it no lease
   * applies and tables come from `table` and the admin listener alone.
   */
  readonly control?: { readonly urls: readonly string[]; readonly token: string }
  /** Base URLs others reach it by, when they differ from the addresses it listens on. */
  readonly publicUrl?: string
  readonly adminUrl?: string
  /** A table to begin with. */
  readonly table?: RouteTable
  readonly timeouts?: Partial<Timeouts>
  /** TLS towards clients, and HTTP/2 with it; none by default. */
  readonly tls?: TlsSetting
  /** Bounds of the queue of held requests. Default 1,000 requests and 64 MiB. */
  readonly hold?: { readonly requests?: number; readonly bytes?: number }
  /** Bodies of writes up to this size, bytes, are kept for one replay; 1 MiB by default. */
  readonly replayBytes?: number
  /** Moved routes stop this long before the lease ends, ms; 1,000 by default. */
  readonly leaseMarginMs?: number
  /**
   * Connections to one upstream at most, for requests that are whole, and as many for what streams towards it and for shadow
   * reads; 16,384 by default, since every event stream takes one.
   */
  readonly upstreamConnections?: number
  readonly shadow?: Partial<ShadowLimits>
  /** How many requests callers may make; without it, any number. */
  readonly limits?: LimitSetting
  /** When a side that fails is not asked for a while. */
  readonly breaker?: BreakerSetting
  readonly retries?: RetrySetting
  /** Bounds of the answers that are kept, on routes that want it; `off` keeps none, whatever routes want. */
  readonly cache?: CacheSetting | 'off'
  /** What is logged of requests, with a `logLevel` of info or debug; every one by default. */
  readonly accessLog?: AccessLogSetting
  /** Counts requests for limits without `redis`, with other processes; this one alone by default. */
  readonly counter?: RateCounter
  /** Listens to clients once the control plane has given it a table; `publicUrl` must be given. At once by default. */
  readonly tableFirst?: boolean
  /** Makes a span of each request; none by default. */
  readonly startSpan?: StartSpan
  /** pino level of errors, changes of state and requests; `info` by default. */
  readonly logLevel?: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent'
  /** ms on a monotonic clock; for tests. */
  readonly now?: () => number
  /** Takes the lines of requests, whatever the level; standard output by default. For tests. */
  readonly writeAccess?: (lines: string) => void
  /** Stands in for the query of a `session` setting; for tests. */
  readonly lookUpSession?: SessionLookUp
}

/** All in ms. */
export type Timeouts = Required<TimeoutSetting>

export interface ShadowLimits {
  /** Shadow reads at a time; 16. */
  readonly concurrency: number
  /** Shadow reads that wait; 256. */
  readonly queued: number
  /** Answers larger than this, bytes, are not compared; 1 MiB. */
  readonly answerBytes: number
  /** Answers kept by the queue in all, bytes; 32 MiB. */
  readonly queuedBytes: number
  /** Waits before a difference is asked again, ms; 100, 400, 1,500. */
  readonly againMs: readonly number[]
}

/** Options with every default filled in. */
export interface Settings extends Omit<GatewayOptions, 'cache'> {
  readonly timeouts: Timeouts
  readonly hold: { readonly requests: number; readonly bytes: number }
  readonly replayBytes: number
  readonly leaseMarginMs: number
  readonly upstreamConnections: number
  readonly shadow: ShadowLimits
  readonly limits: LimitSetting
  readonly breaker: BreakerSetting
  readonly retries: RetrySetting
  /** Null for none at all. */
  readonly cache: Required<CacheSetting> | null
  readonly now: () => number
}

/** @throws Error that names the option, what was given and what is allowed. */
export function settingsOf(options: GatewayOptions): Settings {
  const checked = optionsSchema.safeParse(options)
  if (!checked.success) {
    const issue = checked.error.issues[0]!
    throw new Error(`gateway option ${issue.path.join('.') || '(all)'}: ${issue.message}`)
  }
  return {
    ...options,
    timeouts: {
      connectMs: 5_000,
      headMs: 10_000,
      bodyMs: 30_000,
      answerMs: 5_000,
      uploadMs: 60_000,
      idleMs: 300_000,
      firstTableMs: 2_000,
      closeMs: 30_000,
      ...options.timeouts,
    },
    hold: { requests: 1_000, bytes: 64 * 1024 * 1024, ...options.hold },
    replayBytes: options.replayBytes ?? 1024 * 1024,
    leaseMarginMs: options.leaseMarginMs ?? 1_000,
    upstreamConnections: options.upstreamConnections ?? 16_384,
    shadow: {
      concurrency: 16,
      queued: 256,
      answerBytes: 1024 * 1024,
      queuedBytes: 32 * 1024 * 1024,
      againMs: [100, 400, 1500],
      ...options.shadow,
    },
    limits: options.limits ?? { rules: [] },
    breaker: options.breaker ?? {},
    retries: options.retries ?? {},
    cache:
      options.cache === 'off'
        ? null
        : {
            bytes: 64 * 1024 * 1024,
            answers: 10_000,
            answersOfUser: 100,
            answerBytes: 1024 * 1024,
            ...options.cache,
          },
    now: options.now ?? (() => performance.now()),
  }
}

const port = z.number().int().min(0).max(65_535)
const secret = z.string().min(16, 'must have at least 16 characters')
const http = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' })
const text = z.string().min(1, 'must not be empty')

const auth = z.discriminatedUnion('kind', [
  z.looseObject({ kind: z.literal('jwks'), url: http, issuer: text, audience: text }),
  z.looseObject({ kind: z.literal('secret'), secret: text }),
  z.looseObject({ kind: z.literal('header'), name: text }),
  z
    .looseObject({
      kind: z.literal('session'),
      cookie: text.optional(),
      header: text.optional(),
      databaseUrl: text,
      query: text,
    })
    .refine((s) => s.cookie !== undefined || s.header !== undefined, {
      error: 'a session needs "cookie" or "header"',
    }),
  z.looseObject({ kind: z.literal('none') }),
])

const limits = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'has lower-case letters, digits and dashes'),
        paths: z
          .array(
            z
              .string()
              .regex(
                /^\/$|^(\/[^/?#%]+)+$/,
                'begins with "/", and has no end "/", query or escape',
              ),
          )
          .min(1),
        methods: z
          .array(z.string().regex(/^[A-Z]+$/, 'is a method in capitals'))
          .min(1)
          .optional(),
        per: z.enum(['user', 'address']),
        requests: z.number().int().min(1),
        seconds: z.number().positive().max(86_400),
        burst: z.number().int().min(1).optional(),
      }),
    )
    .refine((rules) => new Set(rules.map(({ name }) => name)).size === rules.length, {
      error: 'two rules have the same name',
    }),
  proxies: z.array(text).optional(),
  callers: z.number().int().min(1).optional(),
  redis: z
    .strictObject({
      url: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL' }),
      prefix: z.string().min(1).optional(),
      answerMs: z.number().positive().optional(),
      whenAway: z.enum(['share', 'open', 'closed']).optional(),
    })
    .optional(),
})

const ms = z.number('is a number of ms').positive()
const share = z.number('is a share, 0 to 1').min(0).max(1)

const breaker = z.strictObject({
  failures: z
    .union([z.literal('off'), share.min(0.01)], 'is a share, 0.01 to 1, or "off"')
    .optional(),
  windowMs: ms.optional(),
  leastRequests: z.number().int().min(1).optional(),
  openMs: ms.optional(),
  statuses: z.array(z.number().int().min(400).max(599)).optional(),
  slowMs: ms.optional(),
})

const count = z.number().int().min(1)

const cache = z.strictObject({
  bytes: count.optional(),
  answers: count.optional(),
  answersOfUser: count.optional(),
  answerBytes: count.optional(),
})

/** What options are checked with; docs/reference/plan-gateway.md is made of it. */
export const optionsSchema = z.looseObject({
  id: text,
  listen: z.looseObject({ port }),
  admin: z.looseObject({ port, token: text }),
  monolith: http,
  identityKey: z.union([secret, z.array(secret).min(1)]),
  auth,
  control: z.looseObject({ urls: z.array(http).min(1), token: text }).optional(),
  limits: limits.optional(),
  timeouts: z
    .strictObject({
      connectMs: ms.optional(),
      headMs: ms.optional(),
      bodyMs: ms.optional(),
      answerMs: ms.optional(),
      uploadMs: ms.optional(),
      idleMs: ms.optional(),
      firstTableMs: ms.optional(),
      closeMs: ms.optional(),
    })
    .optional(),
  tls: z
    .strictObject({
      cert: text,
      key: text,
      minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).optional(),
      http2: z.boolean().optional(),
    })
    .optional(),
  breaker: breaker.optional(),
  cache: z.union([cache, z.literal('off')]).optional(),
  retries: z
    .strictObject({ share: share.optional(), saved: z.number().min(0).optional() })
    .optional(),
  accessLog: z
    .strictObject({
      share: share.optional(),
      paths: z.boolean().optional(),
    })
    .optional(),
})
