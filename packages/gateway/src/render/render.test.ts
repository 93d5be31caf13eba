import { BucketSet, type ExtractionRoutes, type RouteTable } from '@banyan/contracts'
import { describe, expect, it } from 'vitest'
import { renderGatewayApi, renderHaproxy, renderKong, settingsOf } from '../index.ts'
import { yamlOf } from './yaml.ts'

const auth = { kind: 'jwks' as const, url: 'http://auth/jwks', issuer: 'i', audience: 'a' }
const rewrite = { from: '/api/things', to: '/v1/things' }

function tableOf(percent: number, change: Partial<ExtractionRoutes> = {}): RouteTable {
  return {
    token: 3,
    version: 7,
    monolith: 'http://monolith:3000',
    extractions: [
      {
        extraction: 'things',
        target: 'http://things:9400',
        routes: [
          { methods: [], path: '/api/things', rewrite },
          { methods: [], path: '/api/things/*', rewrite },
          { methods: ['GET'], path: '/api/users/:id/things', owner: { from: 'path', name: 'id' } },
        ],
        targetBuckets: BucketSet.share(percent).toString(),
        hold: null,
        shadow: null,
        ...change,
      },
    ],
  }
}

const routesOf = (table: RouteTable) =>
  renderGatewayApi({ table, auth }, { gateway: 'banyan', namespace: 'shop' })
const kongOf = (table: RouteTable) => renderKong({ table, auth })

describe('the table as HTTPRoutes', () => {
  it('has weights of buckets, and rewrites for the service alone', () => {
    const text = routesOf(tableOf(25))
    expect(text).toContain('# HTTPRoutes, rendered from route table 3/7.')
    expect(text).toContain('type: PathPrefix\n            value: /api/things\n')
    expect(text).toContain('weight: 768')
    expect(text).toContain('weight: 256')
    expect(text).toContain('replacePrefixMatch: /v1/things')
    expect(text).toContain('replaceFullPath: /v1/things')
    expect(text).toContain('value: "/api/users/[^/]+/things/?"')
    expect(text).toContain('# - things: 25 % of the requests go to the service, whoever’s they are')
  })

  it('has one side where one owns everything, and says nothing of shares', () => {
    expect(routesOf(tableOf(0))).not.toContain('port: 9400')
    expect(routesOf(tableOf(100))).not.toMatch(/whoever/)
    const retired = routesOf({ ...tableOf(100), retired: true })
    expect(retired).not.toContain('port: 3000')
  })

  it('mirrors reads to the other side while nobody has moved', () => {
    const text = routesOf(tableOf(0, { shadow: { percent: 10, ignore: [] } }))
    expect(text.match(/type: RequestMirror/g)).toHaveLength(3)
    expect(text).toContain('nothing compares the answers')
  })

  it('has no route with more rules than the API takes', () => {
    const routes = Array.from({ length: 40 }, (_, i) => ({ methods: [], path: `/api/${i}` }))
    const text = routesOf(tableOf(50, { routes }))
    for (const one of text.split('---')) {
      expect(one.match(/- matches:/g)!.length).toBeLessThanOrEqual(16)
    }
  })
})

describe('the table as Kong’s configuration', () => {
  it('divides by bucket in a function, and refuses there what is held', () => {
    const hold = {
      buckets: BucketSet.of([5]).toString(),
      reads: false,
      budgetMs: 2_000,
      attempt: 'a',
    }
    const text = kongOf(tableOf(25, { hold }))
    expect(text).toContain('_format_version: "3.0"')
    expect(text).toContain(BucketSet.share(25).toString())
    expect(text).toContain(hold.buckets)
    expect(text).toContain('kong.service.set_upstream("things.banyan")')
    expect(text).toContain('kong.service.request.set_path("/v1/things" .. path:sub(12))')
    expect(text).toContain('paths:\n          - "~/(?i:api)/(?i:users)/[^/]+/(?i:things)/?$"')
    expect(text).toContain('HELD_TOO_LONG')
  })

  it('sends everything to the one side that owns everything', () => {
    const [before, after] = [kongOf(tableOf(0)), kongOf(tableOf(100))]
    expect(before).not.toContain('pre-function')
    expect(before).toContain('- name: things\n    host: monolith.banyan')
    expect(after).toContain('- name: things\n    host: things.banyan')
    expect(after).not.toContain("resty.sha256')")
    expect(after).toContain('target: "things:9400"')
  })
})

describe('the table as HAProxy’s files', () => {
  const settings = settingsOf({
    id: 'g',
    listen: { port: 9000 },
    admin: { port: 0, token: 'a token of the tests' },
    monolith: 'http://monolith:3000',
    identityKey: 'a key that nobody may read',
    auth: { kind: 'secret', secret: 'a secret that nobody may read' },
  })
  const filesOf = (table: RouteTable | null) =>
    renderHaproxy(
      {
        ...{ ...settings, folder: '/run/banyan', held: settings.hold.requests },
        targets: { things: 'https://things.example/base' },
      },
      table,
    )

  it('has a line for each bucket: who owns it, and whether it is held', () => {
    const hold = {
      buckets: BucketSet.of([1]).toString(),
      reads: true,
      budgetMs: 1_999.6,
      attempt: 'a',
    }
    const lines = filesOf(tableOf(0, { targetBuckets: BucketSet.of([0]).toString(), hold }))[
      'buckets.map'
    ]!.split('\n')
    expect(lines.slice(0, 3)).toEqual([
      'things/0 target',
      'things/1 source/all/2000',
      'things/2 source',
    ])
    expect(lines.filter((line) => line !== '')).toHaveLength(1024)
  })

  it('looks for a route where the gateway would', () => {
    const routes = [
      { methods: [], path: '/api/things/*' },
      { methods: [], path: '/api/things/:id' },
      { methods: ['GET'], path: '/api/things/mine' },
      { methods: ['POST'], path: '/api/things/mine', access: 'read' as const },
    ]
    const map = filesOf(tableOf(0, { routes }))['routes.map']!
    const lines = map
      .trim()
      .split('\n')
      .map((line) => /^(\S+) (.*)$/.exec(line)!)
    const match = (request: string) => {
      for (const [, expression, value] of lines) {
        // As PCRE has it.
        const source = expression!.replace(/\(\?i:(\w+)\)/g, (_, word: string) =>
          [...word].map((c) => `[${c.toLowerCase()}${c.toUpperCase()}]`).join(''),
        )
        if (new RegExp(source).test(request)) {
          const { pattern, write } = JSON.parse(value!) as { pattern: string[]; write: boolean }
          return `${write ? 'write' : 'read'} ${pattern.join('/')}`
        }
      }
      return null
    }
    expect(match('GET:/api/things/mine')).toBe('read api/things/mine')
    expect(match('HEAD:/API/Things;v=1/MINE/')).toBe('read api/things/mine')
    expect(match('POST:/api/things/mine')).toBe('read api/things/mine')
    expect(match('DELETE:/api/things/mine')).toBe('write api/things/:id')
    expect(match('PROPPATCH:/api/things/7')).toBe('write api/things/:id')
    expect(match('GET:/api/things/7/parts')).toBe('read api/things')
    expect(match('GET:/api/things/')).toBe('read api/things')
    expect(match('GET:/api/thingsandmore')).toBeNull()
  })

  it('begins without a lease, and without a table waits for one', () => {
    expect(filesOf(tableOf(0))['state.map']).toBe('table 3/7\nretired no\nlease 0\n')
    expect(filesOf(null)['state.map']).toContain('table none\n')
  })

  it('has no secret in it, and a backend for each side', () => {
    const files = filesOf(tableOf(0))
    expect(JSON.stringify(files)).not.toContain('nobody may read')
    const text = files['haproxy.cfg']!
    expect(text).toContain('backend things.target\n')
    expect(text).toContain('set-path "/base%[path]"')
    expect(text).toContain('server it things.example:443 ssl verify required')
    expect(text).toContain('server it monolith:3000\n')
  })
})

it('YAML is in blocks, text quoted wherever it could be taken for something else', () => {
  const value = { a: [{ b: 'yes', c: [] }, 1], 'd e': 'two\nlines', f: undefined, g: '3.0', h: {} }
  expect(yamlOf(['why'], [value])).toBe(
    '# why\na:\n  - b: "yes"\n    c: []\n  - 1\n"d e": |-\n  two\n  lines\ng: "3.0"\nh: {}\n',
  )
})
