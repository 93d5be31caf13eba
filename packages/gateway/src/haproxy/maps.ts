import { METHODS } from 'node:http'
import { BUCKETS, BucketSet, type RouteRule, type RouteTable } from '@banyan/contracts'
import { parsePattern } from '../route-matcher.ts'

/** The maps of a table, as lines of key and value; `banyan.lua` says what stands in them. */
export interface TableMaps {
  readonly routes: readonly MapLine[]
  readonly buckets: readonly MapLine[]
  readonly state: readonly MapLine[]
}

export type MapLine = readonly [key: string, value: string]

/** What HAProxy is told while there is no table: everything to the monolith. */
export const NO_TABLE: RouteTable = { token: 0, version: 0, monolith: '', extractions: [] }

/** @param table as `parseRouteTable` answers it. */
export function tableMaps(table: RouteTable): TableMaps {
  return {
    routes: routesMap(table),
    buckets: bucketsMap(table),
    state: [
      ['table', `${table.token}/${table.version}`],
      ['retired', table.retired ? 'yes' : 'no'],
    ],
  }
}

export function mapText(lines: readonly MapLine[]): string {
  return lines.map(([key, value]) => `${key} ${value}\n`).join('')
}

/**
 * One line for the reads and one for the writes of each route: HAProxy takes the first expression that
 * matches, so that they stand in the order in which `RouteMatcher` looks.
 */
function routesMap({ extractions }: RouteTable): MapLine[] {
  const routes = extractions.flatMap(({ extraction, routes }) =>
    routes.map((rule) => ({ extraction, rule, ...parsePattern(rule.path) })),
  )
  routes.sort((a, b) => compare(ranks(a), ranks(b)))
  return routes.flatMap(({ extraction, rule, segments, below }) =>
    [true, false].flatMap((write): MapLine[] => {
      const methods = methodsOf(rule, write)
      if (methods.length === 0) return []
      const owner = rule.owner ?? { from: 'subject' }
      const value = {
        extraction,
        write,
        owner,
        // Counted from 1, as Lua does.
        ownerSegment: owner.from === 'path' ? segments.indexOf(`:${owner.name}`) + 1 : 0,
        pattern: segments,
        ...(rule.rewrite ? { rewrite: rule.rewrite } : {}),
      }
      return [[expression(methods, segments, below), JSON.stringify(value)]]
    }),
  )
}

/** All 1,024 of each extraction, so that one that is missing is one not known yet. */
function bucketsMap({ extractions }: RouteTable): MapLine[] {
  return extractions.flatMap(({ extraction, targetBuckets, hold }) => {
    const target = BucketSet.parse(targetBuckets)
    const held = hold ? BucketSet.parse(hold.buckets) : BucketSet.none
    return Array.from({ length: BUCKETS }, (_, bucket): MapLine => {
      const side = target.has(bucket) ? 'target' : 'source'
      const waits = held.has(bucket)
        ? `/${hold?.reads ? 'all' : 'writes'}/${Math.round(hold!.budgetMs)}`
        : ''
      return [`${extraction}/${bucket}`, side + waits]
    })
  })
}

/** A segment of its own before a name, a name before what lies below; the end of a pattern before all. */
function ranks({
  segments,
  below,
}: {
  segments: readonly string[]
  below: boolean
}): readonly number[] {
  return [...segments.map((segment) => (segment.startsWith(':') ? 1 : 0)), below ? 2 : -1]
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? -1) - (b[i] ?? -1)
    if (difference !== 0) return difference
  }
  return 0
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])
const ANY: readonly string[] = METHODS.filter((method) => method !== 'CONNECT')

function methodsOf(rule: RouteRule, write: boolean): readonly string[] {
  const methods = rule.methods.length > 0 ? rule.methods : ANY
  const isWrite = (method: string) => (rule.access ? rule.access === 'write' : !SAFE.has(method))
  const own = methods.filter((method) => isWrite(method) === write)
  if (rule.methods.length === 0) {
    // Methods that are not listed are writes of the rule where it has any: shorter, and none slips through.
    if (own.length === ANY.length) return ['[^:]+']
    if (write) return [`(?!(${methods.filter((m) => !own.includes(m)).join('|')}):)[^:]+`]
  }
  // HEAD asks for what GET would answer.
  return own.includes('GET') && !methods.includes('HEAD') ? [...own, 'HEAD'] : own
}

/** Of METHOD:PATH; literals whatever their case and parameters, one slash at the end overlooked. */
function expression(
  methods: readonly string[],
  segments: readonly string[],
  below: boolean,
): string {
  const path = segments
    .map((segment) => (segment.startsWith(':') ? '/[^/]+' : `/(?i:${quoted(segment)})(;[^/]*)?`))
    .join('')
  const end = below ? '/.*' : '/?'
  return `^(${methods.join('|')}):${path}${path === '' && !below ? '/' : end}$`
}

/** Spaces would end the key of a map's line. */
function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s/g, '\\s')
}
