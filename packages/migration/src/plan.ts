import {
  type AuthSetting,
  BanyanError,
  type IdentityKeys,
  type LimitSetting,
  type RouteRule,
} from '@banyan/contracts'
import type { TableSpec } from '@banyan/replication'
import { z } from 'zod'

/** What `banyan.config.ts` exports: where the sides are, what moves, and under which conditions. */
export interface Plan {
  readonly control: ControlPlan
  readonly monolith: { readonly url: string; readonly databaseUrl: string }
  readonly gateway: GatewayPlan
  readonly extractions: readonly ExtractionPlan[]
}

export interface ControlPlan {
  /** Where phases, leases and the ledger are kept: any PostgreSQL database, neither side's. */
  readonly databaseUrl: string
  /** Where the control API listens; 127.0.0.1:9090 by default. */
  readonly host?: string
  readonly port?: number
  /** Bearer token of operators and gateways. */
  readonly token: string
}

export interface GatewayPlan {
  readonly host?: string
  readonly port: number
  readonly auth: AuthSetting
  /** HMAC key of the signed identity that services check; several while it changes. */
  readonly identityKey: IdentityKeys
  /** How many requests callers may make; any number by default. */
  readonly limits?: LimitSetting
}

export interface ExtractionPlan {
  /** Lower-case letters, digits and dashes. */
  readonly name: string
  readonly service: { readonly url: string; readonly databaseUrl: string }
  readonly routes: readonly RouteRule[]
  readonly tables: readonly TableSpec[]
  /** Shares of the buckets, in percent, ascending, ending with 100. */
  readonly steps?: readonly StepPlan[]
  readonly gates?: GatePlan
  readonly shadow?: ShadowPlan
  readonly handover?: HandoverPlan
  /** How long the target owns everything before the extraction may complete, s; 3,600 by default. */
  readonly soakSeconds?: number
  /** Rows copied a second at most; unlimited by default. */
  readonly copyRowsPerSecond?: number
  readonly throttle?: ThrottlePlan
  readonly verify?: VerifyPlan
}

/** The comparison of all rows that goes on until the end. */
export interface VerifyPlan {
  /** Share of the time it may be at work while nobody waits for it, above 0 to 1; 0.1 by default. */
  readonly share?: number
}

/** Beyond any of these bounds the copy slows down by itself, to 100 rows/s at the slowest. */
export interface ThrottlePlan {
  /** Lag of the stream while rows are copied, ms; 2,000 by default. */
  readonly lagMs?: number
  /** Client sessions at work on either side, ours left out; a quarter of max_connections by default. */
  readonly activeSessions?: number | null
  /** How long either side takes to answer a small question, ms; 250 by default. */
  readonly answerMs?: number
  /** Replay lag of a physical standby of either side, ms; 10,000 by default. */
  readonly standbyLagMs?: number
}

export interface StepPlan {
  readonly percent: number
  /** Watched at least this long before the next step, s; 300 by default. */
  readonly seconds?: number
  /** `manual`: waits for `banyan promote`. `auto` (default): goes on when its gates hold. */
  readonly next?: 'auto' | 'manual'
}

/** Measured conditions. Too few samples: the gate waits. Beyond its bound: the extraction rolls back. */
export interface GatePlan {
  /** Share of target answers that are 5xx; 0.01 by default. */
  readonly errorRate?: number
  /** p95 of the target over p95 of the source; 2 by default, and never counted below 20 ms. */
  readonly latencyRatio?: number
  /** Share of compared shadow answers that differ; 0.001 by default. */
  readonly shadowDifference?: number
  /** Rows that truly differ; 0 by default. */
  readonly divergentRows?: number
  /** Lag of either stream, ms; 2,000 by default. */
  readonly lagMs?: number
  /** Requests on the target before a step counts as measured; 50 by default. */
  readonly minimumRequests?: number
}

export interface ShadowPlan {
  /** Share of reads, 0 to 100; 100 by default. 0 turns the phase off. */
  readonly percent?: number
  readonly ignore?: readonly string[]
  /** Comparisons before the canary may begin; 100 by default. */
  readonly minimumCompared?: number
}

export interface HandoverPlan {
  /** How long a request may be held, ms; 2,000 by default. */
  readonly holdBudgetMs?: number
  /** Attempts before the step is given up and the extraction pauses; 10 by default. */
  readonly attempts?: number
}

/** A plan with its defaults filled in. */
export type ResolvedExtraction = Required<
  Omit<ExtractionPlan, 'steps' | 'gates' | 'shadow' | 'handover' | 'throttle' | 'verify'>
> & {
  readonly steps: readonly Required<StepPlan>[]
  readonly gates: Required<GatePlan>
  readonly shadow: Required<ShadowPlan>
  readonly handover: Required<HandoverPlan>
  readonly throttle: Required<ThrottlePlan>
  readonly verify: Required<VerifyPlan>
}

const url = (protocol: RegExp) => z.string().regex(protocol)
const httpUrl = url(/^https?:\/\/[^/?#]+\/?$/)
const databaseUrl = url(/^postgres(ql)?:\/\//)

const step = z.strictObject({
  percent: z.number().gt(0).max(100),
  seconds: z.number().min(0).default(300),
  next: z.enum(['auto', 'manual']).default('auto'),
})

const route = z.strictObject({
  methods: z.array(z.string().regex(/^[A-Z]+$/)),
  path: z.string().startsWith('/'),
  access: z.enum(['read', 'write']).optional(),
  rewrite: z
    .strictObject({ from: z.string().startsWith('/'), to: z.string().startsWith('/') })
    .optional(),
  owner: z
    .discriminatedUnion('from', [
      z.strictObject({ from: z.literal('subject') }),
      z.strictObject({ from: z.literal('header'), name: z.string() }),
      z.strictObject({ from: z.literal('path'), name: z.string() }),
      z.strictObject({ from: z.literal('query'), name: z.string() }),
      z.strictObject({ from: z.literal('body'), field: z.string() }),
      z.strictObject({ from: z.literal('whole') }),
    ])
    .optional(),
})

const expression = z.union([
  z.string(),
  z.strictObject({ from: z.array(z.string()), sql: z.string() }),
])

const table = z.strictObject({
  source: z.string().min(1),
  target: z.string().min(1),
  owner: z
    .union([
      z.string(),
      z.strictObject({
        through: z.union([z.string(), z.array(z.string()).min(1)]),
        parent: z.string().min(1),
      }),
    ])
    .nullable(),
  forward: z.record(z.string(), expression).optional(),
  backward: z.record(z.string(), expression).optional(),
  part: z
    .strictObject({
      of: z.enum(['source', 'target']),
      where: z.strictObject({ from: z.array(z.string()), sql: z.string() }).optional(),
    })
    .optional(),
  fold: z
    .strictObject({
      into: z.string().min(1),
      parent: z.record(z.string(), z.string()),
      key: z.array(z.string().min(1)).min(1),
      order: z.array(z.string().min(1)).optional(),
    })
    .optional(),
  holds: z.array(z.string().min(1)).optional(),
  oneWay: z.record(z.string(), z.string().min(1, 'a reason')).optional(),
})

const extraction = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/),
  service: z.strictObject({ url: httpUrl, databaseUrl }),
  routes: z.array(route).min(1),
  tables: z.array(table).min(1),
  steps: z
    .array(step)
    .min(1)
    .refine(
      (steps) => steps.every((s, i) => i === 0 || s.percent > steps[i - 1]!.percent),
      'percents must rise',
    )
    .refine((steps) => steps.at(-1)?.percent === 100, 'the last step must be 100')
    .default([1, 10, 50, 100].map((percent) => ({ percent, seconds: 300, next: 'auto' as const }))),
  gates: z
    .strictObject({
      errorRate: z.number().min(0).max(1).default(0.01),
      latencyRatio: z.number().gt(0).default(2),
      shadowDifference: z.number().min(0).max(1).default(0.001),
      divergentRows: z.number().int().min(0).default(0),
      lagMs: z.number().gt(0).default(2000),
      minimumRequests: z.number().int().min(0).default(50),
    })
    .prefault({}),
  shadow: z
    .strictObject({
      percent: z.number().min(0).max(100).default(100),
      ignore: z.array(z.string()).default([]),
      minimumCompared: z.number().int().min(0).default(100),
    })
    .prefault({}),
  handover: z
    .strictObject({
      holdBudgetMs: z.number().int().min(100).max(30_000).default(2000),
      attempts: z.number().int().min(1).default(10),
    })
    .prefault({}),
  verify: z.strictObject({ share: z.number().gt(0).max(1).default(0.1) }).prefault({}),
  throttle: z
    .strictObject({
      lagMs: z.number().gt(0).default(2000),
      activeSessions: z.number().gt(0).nullable().default(null),
      answerMs: z.number().gt(0).default(250),
      standbyLagMs: z.number().gt(0).default(10_000),
    })
    .prefault({}),
  soakSeconds: z.number().min(0).default(3600),
  // zod's number() refuses Infinity, which says "no limit".
  copyRowsPerSecond: z
    .custom<number>((given) => typeof given === 'number' && given > 0, 'a number above 0')
    .default(Number.POSITIVE_INFINITY),
})

const identityKey = z.string().min(16, 'at least 16 characters')

const plan = z.object({
  control: z.strictObject({
    databaseUrl,
    host: z.string().optional(),
    port: z.number().int().min(0).max(65535).optional(),
    token: z.string().min(16, 'at least 16 characters'),
  }),
  monolith: z.strictObject({ url: httpUrl, databaseUrl }),
  gateway: z.looseObject({ identityKey: z.union([identityKey, z.array(identityKey).min(1)]) }),
  extractions: z
    .array(extraction)
    .min(1)
    .refine((all) => new Set(all.map((one) => one.name)).size === all.length, 'names must differ'),
})

/** Types a plan; `banyan.config.ts` exports what this returns. */
export function definePlan(given: Plan): Plan {
  return given
}

/**
 * The extraction of a plan with defaults filled in.
 *
 * @throws BAD_PLAN naming the first wrong value and its rule; NO_SUCH_EXTRACTION.
 */
export function resolveExtraction(given: Plan, name: string): ResolvedExtraction {
  const known = resolvePlan(given)
  const found = known.find((one) => one.name === name)
  if (!found) {
    throw new BanyanError('NO_SUCH_EXTRACTION', {
      given: name,
      known: known.map((one) => one.name).join(', '),
    })
  }
  return found
}

/** Every extraction of a plan with defaults filled in. @throws BAD_PLAN */
export function resolvePlan(given: Plan): ResolvedExtraction[] {
  const parsed = plan.safeParse(given)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw new BanyanError('BAD_PLAN', {
      where: issue.path.join('.') || 'plan',
      reason: issue.message,
    })
  }
  return parsed.data.extractions as ResolvedExtraction[]
}
