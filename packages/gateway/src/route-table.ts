import { METHODS } from 'node:http'
import {
  BanyanError,
  BUCKETS,
  BucketSet,
  type OwnerSource,
  type RouteCache,
  type RouteRule,
  type RouteTable,
  type ShadowSetting,
} from '@banyan/contracts'
import { z } from 'zod'
import { type Match, type Pattern, parsePattern, RouteMatcher, spellAs } from './route-matcher.ts'
import type { Upstream, Upstreams } from './upstreams.ts'

export type Side = 'source' | 'target'

/** One extraction's part of a compiled table. */
export interface CompiledExtraction {
  readonly name: string
  readonly target: Upstream
  /** The monolith, as far as this extraction's routes are concerned. */
  readonly source: Upstream
  readonly targetBuckets: BucketSet
  readonly hold: {
    readonly buckets: BucketSet
    readonly reads: boolean
    readonly budgetMs: number
  } | null
  readonly shadow: ShadowSetting | null
}

export interface CompiledRoute {
  readonly extraction: CompiledExtraction
  readonly write: boolean
  readonly owner: OwnerSource
  /** Where in the path a `path` owner stands. */
  readonly ownerSegment: number
  readonly pattern: readonly string[]
  /** As the table has it. */
  readonly path: string
  /** Tells it from every other route of the table; two of one path differ in it. */
  readonly label: string
  readonly rewrite: RouteRule['rewrite']
  /** Null where answers are not kept. */
  readonly cache: RouteCache | null
}

/** A route table made ready for look-ups. Immutable: a new one replaces it by reference. */
export interface CompiledTable {
  readonly table: RouteTable
  readonly monolith: Upstream
  readonly extractions: readonly CompiledExtraction[]
  /** Whether answers of any route are kept. */
  readonly caches: boolean
  match(method: string, path: string): Match<CompiledRoute> | null
}

/** The side that owns a bucket by a table. */
export function sideOf(extraction: CompiledExtraction, bucket: number): Side {
  return extraction.targetBuckets.has(bucket) ? 'target' : 'source'
}

/** The path a request takes to the target: the route's spelling, its prefix rewritten. */
export function targetPath(route: CompiledRoute, segments: readonly string[]): string {
  const path = spellAs(route.pattern, segments)
  const rewrite = route.rewrite
  if (!rewrite) return path
  const from = rewrite.from.replace(/\/$/, '')
  if (path !== from && !path.startsWith(`${from}/`)) return path
  return rewrite.to.replace(/\/$/, '') + path.slice(from.length) || '/'
}

/** @throws BanyanError BAD_REQUEST that names the field and what is allowed. */
export function parseRouteTable(given: unknown): RouteTable {
  const result = schema.safeParse(given)
  if (result.success) return result.data as RouteTable
  const issue = result.error.issues[0]!
  const where = issue.path.join('.') || 'the table'
  throw new BanyanError('BAD_REQUEST', { reason: `${where}: ${issue.message}` })
}

/** @throws BanyanError BAD_REQUEST when routes clash. */
export function compileTable(table: RouteTable, upstreams: Upstreams): CompiledTable {
  const patterns: Pattern<CompiledRoute>[] = []
  const extractions = table.extractions.map((routes) => {
    const extraction: CompiledExtraction = {
      name: routes.extraction,
      target: upstreams.get(routes.target, routes.extraction, `${routes.extraction} target`),
      source: upstreams.get(table.monolith, 'monolith', `${routes.extraction} source`),
      targetBuckets: BucketSet.parse(routes.targetBuckets),
      hold: routes.hold && {
        buckets: BucketSet.parse(routes.hold.buckets),
        reads: routes.hold.reads,
        budgetMs: routes.hold.budgetMs,
      },
      shadow: routes.shadow && routes.shadow.percent > 0 ? routes.shadow : null,
    }
    for (const rule of routes.routes) patterns.push(...compileRule(rule, extraction))
    return extraction
  })
  let matcher: RouteMatcher<CompiledRoute>
  try {
    matcher = new RouteMatcher(patterns)
  } catch (error) {
    throw new BanyanError('BAD_REQUEST', { reason: (error as Error).message }, { cause: error })
  }
  return {
    table,
    monolith: upstreams.get(table.monolith, 'monolith'),
    extractions,
    caches: table.extractions.some(({ routes }) => routes.some(({ cache }) => cache)),
    match: (method, path) => matcher.match(method, path),
  }
}

/** One pattern for the reads and one for the writes of a rule, so that no request asks which it is. */
function compileRule(rule: RouteRule, extraction: CompiledExtraction): Pattern<CompiledRoute>[] {
  const pattern = parsePattern(rule.path).segments
  const owner = rule.owner ?? { from: 'subject' }
  const route = (write: boolean): CompiledRoute => ({
    extraction,
    write,
    owner,
    ownerSegment: owner.from === 'path' ? pattern.indexOf(`:${owner.name}`) : -1,
    pattern,
    path: rule.path,
    label: `${extraction.name} ${write ? 'write' : 'read'} ${rule.path}`,
    rewrite: rule.rewrite,
    cache: rule.cache ?? null,
  })
  const methods = rule.methods.length > 0 ? rule.methods : ANY
  const writes = methods.filter((method) =>
    rule.access ? rule.access === 'write' : !SAFE.has(method),
  )
  const reads = methods.filter((method) => !writes.includes(method))
  return [
    { methods: writes, path: rule.path, value: route(true) },
    { methods: reads, path: rule.path, value: route(false) },
  ].filter((pattern) => pattern.methods.length > 0)
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])
const ANY: readonly string[] = METHODS.filter((method) => method !== 'CONNECT')

const url = z.string().refine(
  (value) => {
    const parsed = URL.canParse(value) ? new URL(value) : null
    return /^https?:$/.test(parsed?.protocol ?? '') && !parsed?.search && !parsed?.hash
  },
  { error: 'must be an http or https URL without query and fragment' },
)
const buckets = z
  .string()
  .regex(/^[0-9a-f]{256}$/, `must be a bucket set: ${BUCKETS / 4} hexadecimal digits`)
const name = z.string().min(1)
const path = z.string().regex(/^\/[^?#]*$/, 'must begin with "/" and have no query')

const rule = z
  .object({
    methods: z.array(
      z
        .string()
        .refine((method) => ANY.includes(method), { error: 'must be an HTTP method in capitals' }),
    ),
    path,
    access: z.enum(['read', 'write']).optional(),
    rewrite: z.object({ from: path, to: path }).optional(),
    cache: z.object({ seconds: z.number().min(0).max(86_400).optional() }).optional(),
    owner: z
      .discriminatedUnion('from', [
        z.object({ from: z.literal('subject') }),
        z.object({ from: z.literal('header'), name }),
        z.object({ from: z.literal('path'), name }),
        z.object({ from: z.literal('query'), name }),
        z.object({ from: z.literal('body'), field: name }),
        z.object({ from: z.literal('whole') }),
      ])
      .optional(),
  })
  .refine((r) => r.owner?.from !== 'path' || r.path.split('/').includes(`:${r.owner.name}`), {
    error: 'the owner names a segment that is not in the path',
  })
  .refine((r) => !r.rewrite || `${r.path}/`.startsWith(`${r.rewrite.from.replace(/\/$/, '')}/`), {
    error: 'rewrite.from is not a prefix of the path',
  })
  .refine((r) => !r.cache || r.access !== 'write', {
    error: 'cache is for reads, and access says that it writes',
  })

const schema = z.object({
  token: z.number().int().min(0),
  version: z.number().int().min(0),
  monolith: url,
  retired: z.boolean().exactOptional(),
  extractions: z
    .array(
      z.object({
        extraction: name,
        target: url,
        routes: z.array(rule),
        targetBuckets: buckets,
        hold: z
          .object({
            buckets,
            reads: z.boolean(),
            budgetMs: z.number().min(0).max(600_000),
            attempt: z.string(),
          })
          .nullable(),
        shadow: z
          .object({ percent: z.number().min(0).max(100), ignore: z.array(z.string()) })
          .nullable(),
      }),
    )
    .refine((all) => new Set(all.map((one) => one.extraction)).size === all.length, {
      error: 'two extractions have the same name',
    }),
})
