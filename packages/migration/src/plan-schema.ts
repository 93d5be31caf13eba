import { INTERNAL_PREFIX } from '@banyan/contracts'
import { z } from 'zod'
import { metricGates } from './metric-gates/setting.ts'
import { objectsSchema } from './objects/objects-plan.ts'
import { schedule } from './schedule/schedule.ts'
import { notify, webhooks } from './webhooks/setting.ts'

const url = (protocol: RegExp) => z.string().regex(protocol)
const httpUrl = url(/^https?:\/\/[^/?#]+\/?$/)
const databaseUrl = url(/^postgres(ql)?:\/\//)

const step = z.strictObject({
  percent: z.number().gt(0).max(100),
  seconds: z.number().min(0).default(300),
  next: z.enum(['auto', 'manual']).default('auto'),
})

/** What services have for one another must not be reached from outside, under any name. */
const outside = z
  .string()
  .startsWith('/')
  .refine(
    (path) => path !== INTERNAL_PREFIX && !path.startsWith(`${INTERNAL_PREFIX}/`),
    `${INTERNAL_PREFIX} is for services alone, and not for the gateway`,
  )

const route = z.strictObject({
  methods: z.array(z.string().regex(/^[A-Z]+$/)),
  path: outside,
  access: z.enum(['read', 'write']).optional(),
  rewrite: z.strictObject({ from: z.string().startsWith('/'), to: outside }).optional(),
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
  cache: z.strictObject({ seconds: z.number().min(0).max(86_400).optional() }).optional(),
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

const gates = {
  errorRate: z.number().min(0).max(1).default(0.01),
  latencyRatio: z.number().gt(0).default(2),
  shadowDifference: z.number().min(0).max(1).default(0.001),
  minimumRequests: z.number().int().min(0).default(50),
}
const lagMs = z.number().gt(0).default(2000)

const name = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/)

const common = {
  name,
  routes: z.array(route).min(1),
  steps: z
    .array(step)
    .min(1)
    .refine(
      (steps) => steps.every((s, i) => i === 0 || s.percent > steps[i - 1]!.percent),
      'percents must rise',
    )
    .refine((steps) => steps.at(-1)?.percent === 100, 'the last step must be 100')
    .default([1, 10, 50, 100].map((percent) => ({ percent, seconds: 300, next: 'auto' as const }))),
  shadow: z
    .strictObject({
      percent: z.number().min(0).max(100).default(100),
      ignore: z.array(z.string()).default([]),
      minimumCompared: z.number().int().min(0).default(100),
    })
    .prefault({}),
  soakSeconds: z.number().min(0).default(3600),
  completeAfter: z.array(z.string()).default([]),
  metrics: metricGates,
  schedule,
  webhooks,
}

const handover = z
  .strictObject({
    holdBudgetMs: z.number().int().min(100).max(30_000).default(2000),
    attempts: z.number().int().min(1).default(10),
  })
  .prefault({})

const tables = z.strictObject({
  ...common,
  kind: z.literal('tables'),
  service: z.strictObject({ url: httpUrl, databaseUrl }),
  tables: z.array(table).min(1),
  gates: z
    .strictObject({ ...gates, lagMs, divergentRows: z.number().int().min(0).default(0) })
    .prefault({}),
  handover,
  verify: z.strictObject({ share: z.number().gt(0).max(1).default(0.1) }).prefault({}),
  throttle: z
    .strictObject({
      lagMs: z.number().gt(0).default(2000),
      activeSessions: z.number().gt(0).nullable().default(null),
      answerMs: z.number().gt(0).default(250),
      standbyLagMs: z.number().gt(0).default(10_000),
    })
    .prefault({}),
  objects: objectsSchema.nullable().default(null),
  // zod's number() refuses Infinity, which says "no limit".
  copyRowsPerSecond: z
    .custom<number>((given) => typeof given === 'number' && given > 0, 'a number above 0')
    .default(Number.POSITIVE_INFINITY),
})

const routes = z.strictObject({
  ...common,
  kind: z.literal('routes'),
  service: z.strictObject({ url: httpUrl }),
  gates: z.strictObject(gates).prefault({}),
})

const objects = z.strictObject({
  ...common,
  kind: z.literal('objects'),
  service: z.strictObject({ url: httpUrl }),
  objects: objectsSchema,
  gates: z.strictObject(gates).prefault({}),
  handover,
})

const index = z.strictObject({
  ...common,
  kind: z.literal('index'),
  service: z.strictObject({ url: httpUrl }),
  index: z.strictObject({
    path: z.string().regex(/^\/[^?#]*$/, 'must begin with "/" and have no query'),
    token: z
      .strictObject({
        service: z.string().min(1),
        key: z.string().min(1),
        issuer: z.string().min(1).default('banyan'),
      })
      .optional(),
    attempts: z.number().int().min(1).default(5),
  }),
  gates: z.strictObject({ ...gates, lagMs }).prefault({}),
})

/** A plan without a kind is one of tables: it was the only one there was. */
const extraction = z.preprocess(
  (given) => (isObject(given) ? { kind: 'tables', ...given } : given),
  z.discriminatedUnion('kind', [tables, routes, index, objects]),
)

function isObject(given: unknown): given is object {
  return typeof given === 'object' && given !== null
}

const service = z.strictObject({ name, url: httpUrl, routes: z.array(route).min(1) })

/** Each waits for others of the plan, and none, by whatever way, for itself. */
function checkOrder(
  all: readonly { readonly name: string; readonly completeAfter: readonly string[] }[],
  context: z.RefinementCtx,
): void {
  const waits = new Map(all.map((one) => [one.name, one.completeAfter]))
  for (const [i, { name, completeAfter }] of all.entries()) {
    const refuse = (message: string) =>
      context.addIssue({
        code: 'custom',
        path: ['extractions', i, 'completeAfter'],
        message,
      })
    const unknown = completeAfter.find((other) => !waits.has(other))
    if (unknown !== undefined) {
      refuse(`there is no extraction "${unknown}"; there are ${[...waits.keys()].join(', ')}`)
    }
    if (leadsTo(name, completeAfter, waits)) refuse(`"${name}" would wait for itself`)
  }
}

function leadsTo(
  name: string,
  from: readonly string[],
  waits: ReadonlyMap<string, readonly string[]>,
): boolean {
  const seen = new Set<string>()
  const ahead = [...from]
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    if (next === name) return true
    if (!seen.has(next)) ahead.push(...(waits.get(next) ?? []))
    seen.add(next)
  }
  return false
}

/** Whether answers of any route are kept by a gateway. */
export function keepsAnswers(plan: {
  readonly extractions: readonly { readonly routes: readonly { readonly cache?: unknown }[] }[]
  readonly services?: readonly { readonly routes: readonly { readonly cache?: unknown }[] }[]
}): boolean {
  const { extractions, services = [] } = plan
  return [...extractions, ...services].some(({ routes }) =>
    routes.some(({ cache }) => cache !== undefined),
  )
}

const identityKey = z.string().min(16, 'at least 16 characters')

/** What a plan must be, with the defaults it is given. */
export const planSchema = z
  .object({
    control: z
      .strictObject({
        databaseUrl,
        host: z.string().optional(),
        port: z.number().int().min(0).max(65535).optional(),
        token: z.string().min(16, 'at least 16 characters'),
        viewerToken: z.string().min(16, 'at least 16 characters').optional(),
      })
      .refine(({ token, viewerToken }) => token !== viewerToken, {
        path: ['viewerToken'],
        message: 'is the same as token: whoever watches could decide',
      }),
    monolith: z.strictObject({ url: httpUrl, databaseUrl }),
    gateway: z.looseObject({ identityKey: z.union([identityKey, z.array(identityKey).min(1)]) }),
    extractions: z.array(extraction).min(1),
    services: z.array(service).default([]),
    notify,
  })
  .superRefine(({ extractions, notify }, context) => {
    const known = extractions.map(({ name }) => name)
    for (const [i, one] of notify.entries()) {
      const unknown = one.extractions?.find((name) => !known.includes(name))
      if (unknown === undefined) continue
      const message = `there is no extraction "${unknown}"; there are ${known.join(', ')}`
      context.addIssue({ code: 'custom', path: ['notify', i, 'extractions'], message })
    }
  })
  .superRefine(({ extractions }, context) => checkOrder(extractions, context))
  .superRefine(({ gateway, extractions, services }, context) => {
    if (gateway.workers === undefined || !keepsAnswers({ extractions, services })) return
    const message = 'answers are kept by one process alone: leave it out, or `cache` of the routes'
    context.addIssue({ code: 'custom', path: ['gateway', 'workers'], message })
  })
  .superRefine(({ extractions, services }, context) => {
    const seen = new Set<string>()
    for (const [list, all] of Object.entries({ extractions, services })) {
      for (const [i, one] of all.entries()) {
        if (seen.has(one.name)) {
          const message = `names must differ: "${one.name}" is given twice`
          context.addIssue({ code: 'custom', path: [list, i, 'name'], message })
        }
        seen.add(one.name)
      }
    }
  })
