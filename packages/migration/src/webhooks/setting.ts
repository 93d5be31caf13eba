import { z } from 'zod'
import { outsideUrl, variable } from '../metric-gates/setting.ts'
import { secretOf } from '../outbound.ts'

/** Where something is posted to; see docs/operation.md for what, and how it is signed. */
export interface Webhook {
  /** Unlike the others' of its list; shown, and kept in the ledger. */
  readonly name: string
  /** The address; this or `urlFrom`. */
  readonly url?: string
  /** Name of the environment variable that has the address, where the address is a secret. */
  readonly urlFrom?: string
  /** Name of the environment variable with the key of the signature; without it nothing is signed. */
  readonly secret?: string
  /** How long one answer may take, ms; 5,000 by default. */
  readonly timeoutMs?: number
}

/** Who is asked before a step, and told after it. */
export interface WebhooksPlan {
  /** Asked before users are moved to the service, and before the end: each may refuse. */
  readonly before?: readonly (Webhook & {
    /** How often it is asked before the extraction pauses for want of an answer; 3 by default. */
    readonly attempts?: number
  })[]
  /** Told of every step that is done, in their order, until they have taken it. */
  readonly after?: readonly Webhook[]
}

/** What one may be told of. */
const ABOUT = ['phases', 'rollbacks', 'person', 'steps', 'decisions'] as const
export type About = (typeof ABOUT)[number]

/** Who is told of an extraction, and of what. */
export interface NotifyPlan extends Webhook {
  /** Slack takes a text; `json` is the entry of the ledger beside it, and the default. */
  readonly format?: 'json' | 'slack'
  /** `phases`, `rollbacks` and `person` (what waits for one) by default. */
  readonly about?: readonly About[]
  /** All by default. */
  readonly extractions?: readonly string[]
}

type Filled<T, K extends keyof T> = T & Required<Pick<T, K>>
export type ResolvedWebhook = Filled<Webhook, 'timeoutMs'>
export type ResolvedBefore = ResolvedWebhook & { readonly attempts: number }
export interface ResolvedWebhooks {
  readonly before: readonly ResolvedBefore[]
  readonly after: readonly ResolvedWebhook[]
}
export type ResolvedNotify = Filled<NotifyPlan, 'timeoutMs' | 'format' | 'about'>

const webhook = {
  name: z.string().min(1).max(80),
  url: outsideUrl.optional(),
  urlFrom: variable.optional(),
  secret: variable.optional(),
  timeoutMs: z.number().int().min(100).max(60_000).default(5_000),
}
const hasAddress = [
  (given: { url?: string | undefined; urlFrom?: string | undefined }) =>
    (given.url === undefined) !== (given.urlFrom === undefined),
  'must have either url or urlFrom',
] as const
const named = [
  (all: readonly { readonly name: string }[]) =>
    new Set(all.map(({ name }) => name)).size === all.length,
  'names must differ',
] as const
const MOST = 20

export const webhooks = z
  .strictObject({
    before: z
      .array(
        z
          .strictObject({ ...webhook, attempts: z.number().int().min(1).max(20).default(3) })
          .refine(...hasAddress),
      )
      .max(MOST)
      .refine(...named)
      .default([]),
    after: z
      .array(z.strictObject(webhook).refine(...hasAddress))
      .max(MOST)
      .refine(...named)
      .default([]),
  })
  .prefault({})

export const notify = z
  .array(
    z
      .strictObject({
        ...webhook,
        format: z.enum(['json', 'slack']).default('json'),
        about: z.array(z.enum(ABOUT)).min(1).default(['phases', 'rollbacks', 'person']),
        extractions: z.array(z.string()).min(1).optional(),
      })
      .refine(...hasAddress),
  )
  .max(MOST)
  .refine(...named)
  .default([])

/** @throws Error that names the variable which is not set */
export function addressOf({ url, urlFrom }: Webhook): string {
  return url ?? secretOf(urlFrom!)
}

/** An address for people: without what may be secret of it. */
export function shownAddress({ url, urlFrom }: Webhook): string {
  return url === undefined ? `the address in ${urlFrom}` : new URL(url).origin
}
