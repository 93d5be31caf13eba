import {
  type AccessLogSetting,
  type AuthSetting,
  BanyanError,
  type BreakerSetting,
  type CacheSetting,
  type IdentityKeys,
  type LimitSetting,
  type RetrySetting,
  type RouteRule,
  type TimeoutSetting,
  type TlsSetting,
} from '@banyan/contracts'
import type { TableSpec } from '@banyan/replication'
import type { MetricGate, ResolvedMetricGate } from './metric-gates/setting.ts'
import type { ObjectsPlan, ResolvedObjects } from './objects/objects-plan.ts'
import { planSchema } from './plan-schema.ts'
import type { ResolvedSchedule, SchedulePlan } from './schedule/schedule.ts'
import type {
  NotifyPlan,
  ResolvedNotify,
  ResolvedWebhooks,
  WebhooksPlan,
} from './webhooks/setting.ts'

/** What `banyan.config.ts` exports: where the sides are, what moves, and under which conditions. */
export interface Plan {
  readonly control: ControlPlan
  readonly monolith: MonolithPlan
  readonly gateway: GatewayPlan
  readonly extractions: readonly ExtractionPlan[]
  /** Services beside the monolith; none by default. */
  readonly services?: readonly ServicePlan[]
  /** Who is told of phases, rollbacks and what waits for a person; nobody by default. */
  readonly notify?: readonly NotifyPlan[]
}

/** The application that is moved from; it is not changed. */
export interface MonolithPlan {
  /** Base URL: what matches no route goes there, untouched. */
  readonly url: string
  /** The source. Its role needs the rights of docs/postgresql.md. */
  readonly databaseUrl: string
}

/** The control plane: the engines, and where they keep what they know. */
export interface ControlPlan {
  /** Where phases, leases and the ledger are kept: any PostgreSQL database, neither side's. */
  readonly databaseUrl: string
  /** The address the control API listens on; 127.0.0.1 by default. */
  readonly host?: string
  /** Its port; 9090 by default, and 0 takes a free one. */
  readonly port?: number
  /** Bearer token of operators and gateways. */
  readonly token: string
  /** Bearer token of those who only watch; nobody watches by one when left out. */
  readonly viewerToken?: string
}

/** Where clients connect; docs/gateway.md says what is refused there. */
export interface GatewayPlan {
  /** The address it listens on; 127.0.0.1 by default. */
  readonly host?: string
  /** Where clients connect; 0 takes a free one. */
  readonly port: number
  readonly auth: AuthSetting
  /** Processes that serve it, 1 to 64, which a reload replaces; by default one, without reload. */
  readonly workers?: number
  /** HMAC key of the signed identity that services check; several while it changes. */
  readonly identityKey: IdentityKeys
  /** How many requests callers may make; any number by default. */
  readonly limits?: LimitSetting
  /** Which requests are logged; all by default, with `--log-level info`. */
  readonly accessLog?: AccessLogSetting
  readonly timeouts?: TimeoutSetting
  /** Without it clients connect without TLS. */
  readonly tls?: TlsSetting
  /** When a side is not asked any more for a while. */
  readonly breaker?: BreakerSetting
  readonly retries?: RetrySetting
  /** Bounds of the answers that are kept, on routes with `cache`. */
  readonly cache?: CacheSetting
}

/** One capability that leaves the monolith; what moves with its requests is its `kind`. */
export type ExtractionPlan = TablesPlan | RoutesPlan | IndexPlan | ObjectsOnlyPlan

interface CommonPlan {
  /** Lower-case letters, digits and dashes. */
  readonly name: string
  /** The requests that move. */
  readonly routes: readonly RouteRule[]
  /** Shares of the buckets, in percent, ascending, ending with 100. */
  readonly steps?: readonly StepPlan[]
  readonly shadow?: ShadowPlan
  /** How long the target owns everything before the extraction may complete, s; 3,600 by default. */
  readonly soakSeconds?: number
  /**
   * Extractions that have to be completed before this one: the source's tables that refer to this one's rows are
   * theirs, and until they are gone for good need its stream back.
   */
  readonly completeAfter?: readonly string[]
  /** Gates that Prometheus or a command measures; none by default. */
  readonly metrics?: readonly MetricGate[]
  /** When users may be moved to the service; at any time by default. */
  readonly schedule?: SchedulePlan
  /** Asked before a step, and told after it; none by default. */
  readonly webhooks?: WebhooksPlan
}

/** Rows move: copied, kept up to date both ways, and handed over bucket by bucket. */
export interface TablesPlan extends CommonPlan {
  /** May be left out. */
  readonly kind?: 'tables'
  readonly service: StoredServicePlan
  /** What moves, and how columns map; docs/mapping.md. */
  readonly tables: readonly TableSpec[]
  readonly gates?: GatePlan
  readonly handover?: HandoverPlan
  /** Rows copied a second at most; unlimited by default. */
  readonly copyRowsPerSecond?: number
  readonly throttle?: ThrottlePlan
  readonly verify?: VerifyPlan
  /** Files that these rows name. */
  readonly objects?: ObjectsPlan
}

/** The service that a capability moves to. */
export interface TargetPlan {
  /** Base URL. */
  readonly url: string
}

/** The service that rows move to, and where it keeps them. */
export interface StoredServicePlan extends TargetPlan {
  /** The target. Its role needs the rights of docs/postgresql.md. */
  readonly databaseUrl: string
}

/** Nothing moves but requests: either side answers them alike, and keeps nothing of them. */
export interface RoutesPlan extends CommonPlan {
  readonly kind: 'routes'
  readonly service: TargetPlan
  readonly gates?: RequestGates
}

/** Files move: copied, compared, kept up to date both ways; writes are held while their bucket changes hands. */
export interface ObjectsOnlyPlan extends CommonPlan {
  readonly kind: 'objects'
  readonly service: TargetPlan
  readonly objects: ObjectsPlan
  readonly gates?: RequestGates
  readonly handover?: HandoverPlan
}

/** The service derives what it answers from: it fills an index, and is then told of every change. */
export interface IndexPlan extends CommonPlan {
  readonly kind: 'index'
  readonly service: TargetPlan
  readonly index: IndexSetting
  readonly gates?: IndexGates
}

/** Where a service is asked how its index stands; docs/decisions/045-kinds-of-extraction.md says what it answers. */
export interface IndexSetting {
  /** Of the service: GET says how the index stands, POST has it filled. */
  readonly path: string
  /** How the engine proves who asks; only where the path asks for a service token. */
  readonly token?: IndexToken
  /** How often a backfill that failed is begun again before the extraction pauses; 5 by default. */
  readonly attempts?: number
}

export interface IndexToken {
  /** The called service's name in its tokens. */
  readonly service: string
  /** The engine's private JSON Web Key, or the path of its file; its public key has `sub` "banyan". */
  readonly key: string
  /** As the services have it in BANYAN_SERVICE_ISSUER; "banyan" by default. */
  readonly issuer?: string
}

/** A service that the monolith never had: its routes go to it from the start, whoever asks. */
export interface ServicePlan {
  /** Unlike every extraction's. */
  readonly name: string
  /** Base URL. */
  readonly url: string
  /** What goes to it. */
  readonly routes: readonly RouteRule[]
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

/** A share of the users, and how long it is watched. */
export interface StepPlan {
  /** Share of the buckets that the service then owns, above 0 to 100. */
  readonly percent: number
  /** Watched at least this long before the next step, s; 300 by default. */
  readonly seconds?: number
  /** `manual`: waits for `banyan promote`. `auto` (default): goes on when its gates hold. */
  readonly next?: 'auto' | 'manual'
}

/** Measured conditions. Too few samples: the gate waits. Beyond its bound: the extraction rolls back. */
export interface RequestGates {
  /** Share of target answers that are 5xx; 0.01 by default. */
  readonly errorRate?: number
  /** p95 of the target over p95 of the source; 2 by default, and never counted below 20 ms. */
  readonly latencyRatio?: number
  /** Share of compared shadow answers that differ; 0.001 by default. */
  readonly shadowDifference?: number
  /** Requests on the target before a step counts as measured; 50 by default. */
  readonly minimumRequests?: number
}

/** Measured conditions of an index: what requests are judged by, and how far behind it may be. */
export interface IndexGates extends RequestGates {
  /** Lag of the index, ms; 2,000 by default. It is waited for, not rolled back for. */
  readonly lagMs?: number
}

/** Measured conditions of rows that move: what requests are judged by, and two more. */
export interface GatePlan extends RequestGates {
  /** Rows that truly differ; 0 by default. */
  readonly divergentRows?: number
  /** Lag of either stream, ms; 2,000 by default. It is waited for, not rolled back for. */
  readonly lagMs?: number
}

/** Copies of reads to the side that does not own them, for comparison. */
export interface ShadowPlan {
  /** Share of reads, 0 to 100; 100 by default. 0 turns the phase off. */
  readonly percent?: number
  /** JSON paths left out of the comparison, e.g. `$.items[*].updatedAt`; none by default. */
  readonly ignore?: readonly string[]
  /** Comparisons before the canary may begin; 100 by default. */
  readonly minimumCompared?: number
}

/** How buckets change hands; docs/handover.md. */
export interface HandoverPlan {
  /** How long a request may be held, ms; 2,000 by default. */
  readonly holdBudgetMs?: number
  /** Attempts before the step is given up and the extraction pauses; 10 by default. */
  readonly attempts?: number
}

/** A plan with its defaults filled in. */
export type ResolvedExtraction =
  | ResolvedTables
  | ResolvedRoutes
  | ResolvedIndex
  | ResolvedObjectsPlan

interface Resolved extends Required<Omit<CommonPlan, 'schedule'>> {
  readonly steps: readonly Required<StepPlan>[]
  readonly shadow: Required<ShadowPlan>
  readonly metrics: readonly ResolvedMetricGate[]
  readonly schedule: ResolvedSchedule | null
  readonly webhooks: ResolvedWebhooks
}

export interface ResolvedTables
  extends Resolved,
    Required<Omit<TablesPlan, keyof CommonPlan | 'objects'>> {
  readonly objects: ResolvedObjects | null
  readonly gates: Required<GatePlan>
  readonly handover: Required<HandoverPlan>
  readonly throttle: Required<ThrottlePlan>
  readonly verify: Required<VerifyPlan>
}

export interface ResolvedRoutes extends Resolved, Required<Omit<RoutesPlan, keyof CommonPlan>> {
  readonly gates: Required<RequestGates>
}

export interface ResolvedObjectsPlan
  extends Resolved,
    Required<Omit<ObjectsOnlyPlan, keyof CommonPlan>> {
  readonly objects: ResolvedObjects
  readonly gates: Required<RequestGates>
  readonly handover: Required<HandoverPlan>
}

/** Those without rows. */
export type ResolvedRequests = Exclude<ResolvedExtraction, ResolvedTables>

export interface ResolvedIndex extends Resolved, Required<Omit<IndexPlan, keyof CommonPlan>> {
  readonly index: IndexSetting & { readonly attempts: number }
  readonly gates: Required<NonNullable<IndexPlan['gates']>>
}

/** The source's tables of an extraction; none where it moves none. */
export interface MovedTables {
  readonly name: string
  readonly tables: readonly TableSpec[]
}

export function movedTables(plan: ExtractionPlan | ResolvedExtraction): MovedTables {
  return { name: plan.name, tables: 'tables' in plan ? plan.tables : [] }
}

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
  return parse(given).extractions as ResolvedExtraction[]
}

/** Whom a plan tells of what happens. @throws BAD_PLAN */
export function resolveNotify(given: Plan): ResolvedNotify[] {
  return parse(given).notify as ResolvedNotify[]
}

function parse(given: Plan) {
  const parsed = planSchema.safeParse(given)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new BanyanError('BAD_PLAN', {
    where: issue.path.join('.') || 'plan',
    reason: issue.message,
  })
}
