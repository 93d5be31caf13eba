import { expect, it } from 'vitest'
import { readHead } from '../request-head.ts'
import { readResponseHead } from '../response-head.ts'
import { freshnessOf, wishOf } from './freshness.ts'

const wish = (...fields: string[]) =>
  wishOf(readHead(['Host', 'a', ...fields], '127.0.0.1', 'http', undefined))

it.each([
  ['kept', []],
  ['kept', ['Cache-Control', 'max-stale=60']],
  ['new', ['Cache-Control', 'no-cache']],
  ['new', ['CACHE-CONTROL', 'foo, Max-Age=0']],
  ['new', ['Cache-Control', 'min-fresh="5"']],
  ['new', ['Pragma', 'no-cache']],
  ['none', ['Cache-Control', 'no-cache', 'Cache-Control', 'No-Store']],
  ['none', ['Range', 'bytes=0-1']],
  ['none', ['If-None-Match', '"a"']],
  ['none', ['If-Modified-Since', 'Sat, 21 Nov 2026 08:00:00 GMT']],
  ['none', ['If-Range', '"a"']],
  ['none', ['Content-Length', '3']],
  ['none', ['Transfer-Encoding', 'chunked']],
])('a request that wants an answer "%s" says so: %j', (expected, fields) => {
  expect(wish(...fields)).toBe(expected)
})

/** How long, s, an answer may be given again; 0 for not at all. */
function life(fields: readonly string[], { status = 200, seconds = 30 } = {}): number {
  const all = ['Content-Length', '2', ...fields].map((text) => Buffer.from(text, 'latin1'))
  const fresh = freshnessOf(status, readResponseHead(all, 'id'), seconds)
  return fresh ? (fresh.lifeMs - fresh.ageMs) / 1000 : 0
}

it.each([
  [30, []],
  [60, ['Cache-Control', 'max-age=60']],
  [60, ['cache-control', 'Private, MAX-AGE="60"']],
  [60, ['Cache-Control', 'private="X-Secret, no-store", max-age=60']],
  [50, ['Cache-Control', 'max-age=60', 'Age', '10']],
  [10, ['Cache-Control', 'max-age=60, s-maxage=10']],
  [10, ['Cache-Control', 'max-age=60', 'Cache-Control', 'max-age=10']],
  [60, ['Cache-Control', 'max-age=60', 'Expires', '0']],
  [86_400, ['Cache-Control', 'max-age=99999999999999999999']],
  [45, ['Date', 'Sat, 21 Nov 2026 08:00:00 GMT', 'Expires', 'Sat, 21 Nov 2026 08:00:45 GMT']],
  [0, ['Expires', '0']],
  [0, ['Expires', 'Sat, 21 Nov 2026 08:00:45 GMT', 'Expires', 'never']],
  [0, ['Cache-Control', 'max-age=0']],
  [0, ['Cache-Control', 'max-age=-1']],
  [0, ['Cache-Control', 'max-age']],
  [0, ['Cache-Control', 'max-age=60', 'Cache-Control', 'max-age=soon']],
  [0, ['Cache-Control', 'max-age=60', 'Age', '60']],
  [0, ['Cache-Control', 'max-age=60', 'Age', 'old']],
  [0, ['Cache-Control', 'max-age=60, no-store']],
  [0, ['Cache-Control', 'max-age=60', 'cache-control', 'NO-CACHE="Set-Cookie"']],
  [0, ['Cache-Control', 'max-age=60', 'Vary', 'Accept, *']],
  [0, ['Cache-Control', 'max-age=60', 'Set-Cookie', 'session=1']],
  [0, ['Cache-Control', 'max-age=60', 'Content-Type', 'text/event-stream']],
])('keeps for %i s an answer that says %j', (seconds, fields) => {
  expect(life(fields)).toBe(seconds)
})

it('keeps no other answer than a whole 200, whose end is told', () => {
  for (const status of [201, 203, 204, 206, 301, 304, 401, 404, 500]) {
    expect(life(['Cache-Control', 'max-age=60'], { status })).toBe(0)
  }
  const head = readResponseHead([Buffer.from('Cache-Control'), Buffer.from('max-age=60')], 'id')
  expect(freshnessOf(200, head, 30)).toBeNull()
  expect(freshnessOf(200, { ...head, chunked: true }, 30)).not.toBeNull()
})

it('keeps nothing that does not say how long, unless the route does', () => {
  const head = readResponseHead([Buffer.from('Content-Length'), Buffer.from('2')], 'id')
  expect(freshnessOf(200, head, undefined)).toBeNull()
})
