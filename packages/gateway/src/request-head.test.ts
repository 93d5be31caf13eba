import { describe, expect, it } from 'vitest'
import { readHead } from './request-head.ts'
import { isReservedHeader } from './reserved-headers.ts'

const read = (raw: string[], trusted?: string) => readHead(raw, '10.0.0.9', 'http', trusted)
const names = (forward: readonly string[]) =>
  forward.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())

describe('an identity that a client sends is dropped, however it is spelled', () => {
  it.each([
    ['x-user-id'],
    ['X-User-Id'],
    ['X_User_Id'],
    ['x-user_id'],
    ['X.User.Id'],
    ['X-USER-EMAIL'],
    ['x_user_roles'],
    ['X-Banyan-Identity'],
    ['x_banyan_identity'],
    ['X-Banyan-Shadow'],
    ['x-banyan-not-owner'],
    ['X_Forwarded_For'],
    ['Transfer_Encoding'],
    ['X-Original-URL'],
    ['x.rewrite_url'],
  ])('%s', (name) => {
    expect(isReservedHeader(name.toLowerCase())).toBe(true)
    expect(names(read(['Host', 'a', name, 'admin']).forward)).not.toContain(name.toLowerCase())
  })

  it('but not the one the operator trusts, and no header that only looks alike', () => {
    expect(names(read(['X-User-Id', 'ann'], 'x-user-id').forward)).toContain('x-user-id')
    expect(names(read(['X-User-Idea', 'ann', 'My-X-User-Id', '1']).forward)).toEqual(
      expect.arrayContaining(['x-user-idea', 'my-x-user-id']),
    )
  })
})

it('keeps end-to-end headers in order and spelling, and drops hop-by-hop ones', () => {
  const { forward, upgrade } = read([
    ...['Host', 'a', 'Accept', '*/*', 'Connection', 'X-Drop, keep-alive, Content-Length, Cookie'],
    ...['X-Drop', '1', 'Keep-Alive', 'timeout=5', 'TE', 'trailers', 'Proxy-Authorization', 'x'],
    ...['Upgrade', 'h2c', 'Expect', '100-continue', 'aCCept', 'text/*', 'Content-Length', '0'],
    ...['Cookie', 'a=1', 'Transfer-Encodingx', 'y'],
  ])
  expect(forward.slice(0, 10)).toEqual([
    ...['Host', 'a', 'Accept', '*/*', 'aCCept', 'text/*', 'Content-Length', '0', 'Cookie', 'a=1'],
  ])
  expect(names(forward)).toEqual([
    ...['host', 'accept', 'accept', 'content-length', 'cookie', 'transfer-encodingx'],
    ...['x-correlation-id', 'traceparent', 'x-forwarded-for', 'x-forwarded-proto'],
    'x-forwarded-host',
  ])
  expect(upgrade).toBeUndefined()
})

it('cannot be told by Connection to drop what the gateway adds', () => {
  const { forward } = read(['Host', 'a', 'Connection', 'X-Forwarded-For, X-Correlation-Id'])
  expect(names(forward)).toEqual(expect.arrayContaining(['x-forwarded-for', 'x-correlation-id']))
})

describe('where a request comes from', () => {
  const said = [
    ...['Host', 'a', 'X-Forwarded-For', '1.1.1.1', 'X-Forwarded-Proto', 'https'],
    ...['X-Forwarded-Host', 'b', 'X-Forwarded-Port', '443', 'Forwarded', 'for=1.1.1.1'],
    ...['X-Real-IP', '1.1.1.1'],
  ]
  const origin = (forward: readonly string[]) =>
    forward.filter((_, i) => /^(x-forwarded-|forwarded|x-real-ip)/i.test(forward[i & ~1]!))

  it('is what the gateway saw, whatever a client says; addresses are added to', () => {
    expect(origin(read(said).forward)).toEqual([
      ...['x-forwarded-for', '1.1.1.1, 10.0.0.9', 'x-forwarded-proto', 'http'],
      ...['x-forwarded-host', 'a'],
    ])
  })

  it('is what a known proxy says, with the proxy’s own address added', () => {
    const { forward } = readHead(said, '10.0.0.9', 'http', undefined, true)
    expect(origin(forward)).toEqual([
      ...['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'b', 'X-Forwarded-Port', '443'],
      ...['Forwarded', 'for=1.1.1.1', 'X-Real-IP', '1.1.1.1'],
      ...['x-forwarded-for', '1.1.1.1, 10.0.0.9'],
    ])
  })
})

it('keeps a correlation id and a trace that are well-formed, and makes others', () => {
  const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`
  const kept = read(['X-Correlation-Id', 'abc.DEF_1-2', 'Traceparent', trace, 'Tracestate', 'x=1'])
  expect(kept.correlationId).toBe('abc.DEF_1-2')
  expect(kept.forward).toEqual(expect.arrayContaining([trace, 'Tracestate']))
  for (const bad of ['', 'a b', 'x'.repeat(129), 'a\u00e9', 'a,b']) {
    expect(read(['X-Correlation-Id', bad]).correlationId).toMatch(/^[0-9a-f]{32}$/)
  }
  const made = read(['Traceparent', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-00`, 'Tracestate', 'x'])
  expect(made.forward[made.forward.indexOf('traceparent') + 1]).toMatch(
    /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/,
  )
  expect(names(made.forward)).not.toContain('tracestate')
})

describe('a header that must stand once and stands twice is refused', () => {
  it.each([
    [['Host', 'a', 'host', 'a']],
    [['Authorization', 'Bearer a', 'authorization', 'Bearer b']],
    [['Content-Length', '1', 'Content-Length', '1']],
    [['Content-Length', '1', 'Transfer-Encoding', 'chunked']],
    [['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked']],
  ])('%j', (raw) => {
    expect(() => read(raw)).toThrow('more than one')
  })
})

it('refuses a transfer coding that would be lost on the way', () => {
  expect(() => read(['Transfer-Encoding', 'gzip, chunked'])).toThrow('chunked')
  expect(read(['Transfer-Encoding', 'Chunked']).bodyLength).toBeNull()
})
