import { BUCKETS, type ExtractionRoutes, type RouteRule } from '@banyan/contracts'
import { parsePattern } from '../route-matcher.ts'
import { addressOf, headOf, percentOf, type RenderInput, shareOf } from './rendered.ts'
import { yamlOf } from './yaml.ts'

export interface GatewayApiOptions {
  /** The Gateway that the routes attach to. */
  readonly gateway: string
  readonly namespace?: string
}

/** Rules that one HTTPRoute may have (the API's own limit). */
const RULES = 16

/**
 * The route table as HTTPRoutes of the Kubernetes Gateway API, v1: weights for buckets, a mirror for the shadow, a
 * rewrite for a prefix. Each side is a Service of its name.
 */
export function renderGatewayApi(input: RenderInput, options: GatewayApiOptions): string {
  const { table } = input
  const weaker: string[] = [
    'who asks is not looked at: tokens are not verified, the identity is not signed, and services that ask for it answer 401; put',
    '  a filter of your implementation before it, or services that verify tokens themselves',
  ]
  const routes = table.extractions.flatMap((extraction) => {
    const share = shareOf(extraction.targetBuckets)
    if (share > 0 && share < BUCKETS) {
      weaker.push(
        `${extraction.extraction}: ${percentOf(share)} of the requests go to the service, whoever’s they are, where the table says whose;`,
        '  a write at the wrong side is refused by the guard (BN001, 503), a read there may be behind. For 0 % and 100 % it is exact',
      )
    }
    if (extraction.hold) {
      weaker.push(
        `${extraction.extraction}: a handover holds buckets now, and nothing here can wait`,
      )
    }
    const rules = extraction.routes.flatMap((rule) =>
      ruleOf(rule, extraction, table.monolith, weaker),
    )
    return chunks(rules, RULES).map((some, i) => httpRoute(nameOf(extraction, i), some, options))
  })
  const rest = table.retired
    ? []
    : [
        httpRoute(
          'monolith',
          [
            {
              matches: [{ path: { type: 'PathPrefix', value: '/' } }],
              backendRefs: [side(table.monolith, 'monolith')],
            },
          ],
          options,
        ),
      ]
  const places = [
    `Service monolith stands for ${table.monolith}`,
    ...table.extractions.map(
      ({ extraction, target }) => `Service ${serviceName(extraction)} stands for ${target}`,
    ),
    '',
  ]
  return yamlOf([...headOf('HTTPRoutes', input, weaker), ...places], [...routes, ...rest])
}

function httpRoute(name: string, rules: readonly object[], options: GatewayApiOptions): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: options.namespace },
    spec: { parentRefs: [{ name: options.gateway }], rules },
  }
}

function ruleOf(
  rule: RouteRule,
  { extraction, target, targetBuckets, shadow }: ExtractionRoutes,
  monolith: string,
  weaker: string[],
): object[] {
  const share = shareOf(targetBuckets)
  const path = pathOf(rule)
  const rewrite = rewriteOf(rule, path)
  if (rule.rewrite && !rewrite && share > 0) {
    weaker.push(
      `${extraction}: ${rule.path} cannot be rewritten, since it is no prefix and no whole path`,
    )
  }
  const toTarget = {
    ...side(target, serviceName(extraction)),
    weight: share,
    ...(rewrite ? { filters: [{ type: 'URLRewrite', urlRewrite: { path: rewrite } }] } : {}),
  }
  const toSource = { ...side(monolith, 'monolith'), weight: BUCKETS - share }
  const backendRefs = [...(share < BUCKETS ? [toSource] : []), ...(share > 0 ? [toTarget] : [])]
  const matches = methodsOf(rule).map((method) => ({ path, ...(method ? { method } : {}) }))
  const reads = rule.access !== 'write'
  if (!shadow || shadow.percent === 0 || !reads || backendRefs.length > 1) {
    return [{ matches, backendRefs }]
  }
  weaker.push(
    `${extraction}: reads of ${rule.path} are mirrored as they are; nothing compares the answers`,
  )
  const other = share === 0 ? side(target, serviceName(extraction)) : side(monolith, 'monolith')
  const mirror = { type: 'RequestMirror', requestMirror: { backendRef: other } }
  const read = matches.flatMap((match) =>
    match.method ? [match] : READS.map((method) => ({ ...match, method })),
  )
  return [
    {
      matches: read.filter(({ method }) => READS.includes(method!)),
      filters: [mirror],
      backendRefs,
    },
    { matches: matches.filter(({ method }) => !method || !READS.includes(method)), backendRefs },
  ].filter((one) => one.matches.length > 0)
}

const READS: readonly string[] = ['GET', 'HEAD']

/** Undefined stands for any. */
function methodsOf(rule: RouteRule): readonly (string | undefined)[] {
  return rule.methods.length === 0 ? [undefined] : rule.methods
}

function pathOf(rule: RouteRule): { type: string; value: string } {
  const { segments, below } = parsePattern(rule.path)
  if (!segments.some((segment) => segment.startsWith(':'))) {
    const value = `/${segments.join('/')}`
    return { type: below ? 'PathPrefix' : 'Exact', value }
  }
  const text = segments.map((one) =>
    one.startsWith(':') ? '/[^/]+' : `/${one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`,
  )
  return { type: 'RegularExpression', value: `${text.join('')}${below ? '/.*' : '/?'}` }
}

function rewriteOf({ rewrite }: RouteRule, path: { type: string; value: string }): object | null {
  if (!rewrite) return null
  const { from, to } = { from: rewrite.from.replace(/\/$/, ''), to: rewrite.to.replace(/\/$/, '') }
  if (path.type === 'RegularExpression') return null
  const full = to + path.value.slice(from.length) || '/'
  return path.type === 'Exact'
    ? { type: 'ReplaceFullPath', replaceFullPath: full }
    : { type: 'ReplacePrefixMatch', replacePrefixMatch: full }
}

function side(url: string, name: string): { name: string; port: number } {
  return { name, port: addressOf(url).port }
}

/** `service:NAME` of a service that the monolith never had is no name of Kubernetes. */
function serviceName(extraction: string): string {
  return extraction
    .replace(/^service:/, '')
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
}

function nameOf({ extraction }: ExtractionRoutes, part: number): string {
  return part === 0 ? serviceName(extraction) : `${serviceName(extraction)}-${part + 1}`
}

function chunks<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
    all.slice(i * size, (i + 1) * size),
  )
}
