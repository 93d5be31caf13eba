import { BUCKETS, type ExtractionRoutes, type RouteRule } from '@banyan/contracts'
import { parsePattern } from '../route-matcher.ts'
import { kongFunction } from './kong-function.ts'
import { addressOf, headOf, type RenderInput, shareOf } from './rendered.ts'
import { yamlOf } from './yaml.ts'

/**
 * The route table as Kong's declarative configuration, format 3.0, for a Kong without a database: an upstream for
 * each side, and where a table divides an extraction, a function that finds the bucket and takes one of them.
 */
export function renderKong(input: RenderInput): string {
  const { table, auth } = input
  const weaker = [
    'tokens are not verified here and the identity is not signed: services that ask for it answer 401. Where the owner is the',
    '  token’s subject, the function reads it unverified, to choose a side and for nothing else; sides verify the token themselves',
    'held requests are refused with 503 and Retry-After; none waits',
    'a write that a side refuses as not the owner (BN001, 503) is not sent once more; no shadow; limits are Kong’s own plugins’',
    ...(auth.kind === 'session'
      ? [
          'sessions cannot be looked up: whose request it is is not known, and divided extractions stay at the monolith',
        ]
      : []),
    'KONG_UNTRUSTED_LUA_SANDBOX_REQUIRES=resty.sha256,cjson.safe must be set for the function',
  ]
  const upstreams = [
    ...(table.retired ? [] : [upstream('monolith', table.monolith)]),
    ...table.extractions.map(({ extraction, target }) => upstream(nameOf(extraction), target)),
  ]
  const services = table.extractions.flatMap((extraction) => serviceOf(extraction, input))
  const document = {
    _format_version: '3.0',
    _transform: true,
    services: [
      ...services,
      ...(table.retired
        ? []
        : [
            {
              name: 'monolith',
              ...toward('monolith', table.monolith),
              routes: [{ name: 'monolith', paths: ['/'], ...PASSING }],
            },
          ]),
    ],
    upstreams,
  }
  return yamlOf(headOf('Kong, declarative', input, weaker), [document])
}

const PASSING = { strip_path: false, preserve_host: true } as const

function serviceOf(routes: ExtractionRoutes, { table, auth }: RenderInput): object {
  const name = nameOf(routes.extraction)
  const share = shareOf(routes.targetBuckets)
  const divided = (share > 0 && share < BUCKETS) || routes.hold !== null
  const atTarget = share === BUCKETS && !divided
  return {
    name,
    ...(atTarget ? toward(name, routes.target) : toward('monolith', table.monolith)),
    routes: routes.routes.map((rule, i) => ({
      name: `${name}-${i + 1}`,
      paths: [pathOf(rule)],
      ...(rule.methods.length > 0 ? { methods: rule.methods } : {}),
      strip_path: false,
      // A service is reached by its own name.
      preserve_host: !atTarget,
      ...pluginsOf(rule, routes, atTarget, divided, auth),
    })),
  }
}

function pluginsOf(
  rule: RouteRule,
  routes: ExtractionRoutes,
  atTarget: boolean,
  divided: boolean,
  auth: RenderInput['auth'],
): object {
  if (divided) {
    const access = [kongFunction(rule, routes, nameOf(routes.extraction), auth)]
    return { plugins: [{ name: 'pre-function', config: { access } }] }
  }
  if (!atTarget || !rule.rewrite) return {}
  const { from, to } = rule.rewrite
  const access = [
    `local path = kong.request.get_path()\nkong.service.request.set_path(${quote(to.replace(/\/$/, ''))} .. path:sub(${from.replace(/\/$/, '').length + 1}))`,
  ]
  return { plugins: [{ name: 'pre-function', config: { access } }] }
}

/** Kong's expressions begin with "~"; literals in any case, as frameworks serve them. */
function pathOf(rule: RouteRule): string {
  const { segments, below } = parsePattern(rule.path)
  const text = segments.map((one) =>
    one.startsWith(':') ? '/[^/]+' : `/(?i:${one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')})`,
  )
  return `~${text.join('')}${below ? '/.*' : '/?'}$`
}

function upstream(name: string, url: string): object {
  const { host, port } = addressOf(url)
  return { name: `${name}.banyan`, targets: [{ target: `${host}:${port}`, weight: 100 }] }
}

function toward(name: string, url: string): object {
  const { port, tls, path } = addressOf(url)
  return {
    ...{ host: `${name}.banyan`, port, protocol: tls ? 'https' : 'http' },
    ...(path === '' ? {} : { path }),
    retries: 0,
  }
}

function nameOf(extraction: string): string {
  return extraction.replace(/[^A-Za-z0-9._~-]/g, '-')
}

const quote = (text: string) => JSON.stringify(text)
