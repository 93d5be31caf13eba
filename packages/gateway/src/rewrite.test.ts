import { BucketSet, type RouteRule } from '@banyan/contracts'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { canonicalTarget } from './canonical-target.ts'
import { compileTable, parseRouteTable, targetPath } from './route-table.ts'
import { Upstreams } from './upstreams.ts'

const upstreams = new Upstreams({
  connections: 1,
  connectMs: 1_000,
  breaker: {},
  retries: {},
  now: () => 0,
  onChange: () => {},
})
afterAll(() => upstreams.destroy())

const rewrites: readonly (RouteRule & { readonly rewrite: { from: string; to: string } })[] = [
  { methods: [], path: '/api/things/*', rewrite: { from: '/api/things', to: '/v1/things' } },
  { methods: [], path: '/api/things', rewrite: { from: '/api/things/', to: '/v1/things/' } },
  { methods: [], path: '/shop/:shop/items/*', rewrite: { from: '/shop', to: '/' } },
  { methods: [], path: '/deep/er/*', rewrite: { from: '/deep', to: '/v2/deep' } },
]
const compiled = compileTable(
  parseRouteTable({
    token: 1,
    version: 1,
    monolith: 'http://127.0.0.1:1',
    extractions: [
      {
        extraction: 'things',
        target: 'http://127.0.0.1:2',
        routes: rewrites,
        targetBuckets: BucketSet.all.toString(),
        hold: null,
        shadow: null,
      },
    ],
  }),
  upstreams,
)

/** Pieces that servers read in different ways. */
const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('api', 'things', 'API', 'Things', 'shop', 'deep', 'er') },
  {
    weight: 4,
    arbitrary: fc.constantFrom('.', '..', '...', '%2e', '%2E%2e', '.%2e', '', 'a', 'items', '~'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...['..;', '.;a=1', '%2f', '%5c', '\\', '%00', '%252e%252e', '%252f', 'things;v=1', '..%00'],
      ...[
        '%c0%ae%c0%ae',
        '%e0%80%af',
        '%',
        '%zz',
        '#',
        '@evil.test',
        'evil.test:80',
        '%C3%A9',
        '*',
      ],
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
)
const prefix = fc.constantFrom(
  '',
  '/api/things',
  '/api//things',
  '/shop/a/items',
  '/deep/er',
  '/%61pi/things',
)
const target = fc
  .tuple(prefix, fc.array(piece, { maxLength: 6 }), fc.constantFrom('', '?q=/../x', '?a#b'))
  .map(([start, pieces, query]) => `${start}/${pieces.join('/')}${query}`)

/** A path as a server reads it that undoes escapes, takes a backslash for a slash and drops parameters of dots. */
function asReadBy(path: string): string {
  let read = path
  try {
    read = decodeURIComponent(path)
  } catch {
    // Not UTF-8: such a server takes it as it is.
  }
  const kept: string[] = []
  for (const segment of read.replaceAll('\\', '/').split('/')) {
    const plain = segment.replace(/;.*$/, '')
    if (plain === '..') kept.pop()
    else if (plain !== '' && plain !== '.') kept.push(segment)
  }
  return `/${kept.join('/')}`
}

it('reads a path once: what was matched is what is sent on, below the prefix it is rewritten to', () => {
  let matched = 0
  fc.assert(
    fc.property(target, (given) => {
      let path: string
      try {
        path = canonicalTarget(given, 'shop.test').path
      } catch {
        return
      }
      // Read again, it says the same.
      expect(canonicalTarget(path, 'shop.test').path).toBe(path)
      const match = compiled.match('GET', path)
      if (!match) return
      matched++
      const sent = targetPath(match.value, match.segments)
      const { from, to } = match.value.rewrite!
      const [before, after] = [from, to].map((one) => one.replace(/\/$/, ''))
      expect(sent === after || sent.startsWith(`${after}/`) || after === '').toBe(true)
      expect(sent).not.toMatch(/\/\/|\/\.\.?(\/|$)|[\\#?\0-\x20]|%2f|%5c|%00/i)
      // What follows the prefix is what was matched; literals are spelled as the route has them.
      const { pattern } = match.value
      const spelled = match.segments.map((segment, i) => {
        const own = pattern[i]
        if (own === undefined || own.startsWith(':')) return segment
        expect(segment.replace(/;.*$/, '').toLowerCase()).toBe(own)
        return own
      })
      const followed = sent.slice(after!.length).split('/').slice(1)
      expect(followed).toEqual(spelled.slice(before!.split('/').length - 1))
      // A server that reads it in its own way stays below as well.
      const read = asReadBy(sent)
      expect(read === after || read.startsWith(`${after}/`) || after === '').toBe(true)
    }),
    { numRuns: 2_000 },
  )
  expect(matched).toBeGreaterThan(200)
})
