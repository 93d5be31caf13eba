import { describe, expect, it } from 'vitest'
import { ALL, hold, RawClient, raw, startGateway, table, until, upstream } from './testing.ts'

const moved = async () => {
  const monolith = await upstream('monolith')
  const service = await upstream('service')
  const started = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { targetBuckets: ALL }),
  })
  return { monolith, service, ...started }
}

describe('what two readers could read in two ways is refused and reaches nobody', () => {
  it.each([
    ['two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['no host', 'GET / HTTP/1.1\r\nA: b\r\n\r\n'],
    [
      'length and chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde',
    ],
    ['a signed length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd'],
    [
      'chunks not last',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
    ],
    [
      'a compressed transfer',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
    ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an encoded slash', 'GET /api%2fthings HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a backslash', 'GET /api\\things HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a climb', 'GET /../api HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['another host in the target', 'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n'],
    [
      'a body with an upgrade',
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx',
    ],
  ])('%s', async (_, request) => {
    const { url, monolith, service } = await moved()
    const client = (await RawClient.connect(url)).send(request)
    expect(await client.until(/^HTTP\/1.1 \d+ /)).toMatch(/^HTTP\/1.1 400 /)
    expect([...monolith.seen, ...service.seen]).toEqual([])
  })
})

describe('a moved route is found however it is written, and forwarded in one form', () => {
  it.each([
    ['/api//things', '/v1/things'],
    ['/api/./things', '/v1/things'],
    ['/x/../api/things', '/v1/things'],
    ['/%61pi/%74hings', '/v1/things'],
    ['/api/things/', '/v1/things'],
    ['/API/THINGS/Ab', '/v1/things/Ab'],
    ['http://a/api/things?x=/../', '/v1/things?x=/../'],
  ])('%s', async (target, seen) => {
    const { url, service } = await moved()
    await raw(
      url,
      `GET ${target} HTTP/1.1\r\nHost: a\r\nX-Subject: ann\r\nConnection: close\r\n\r\n`,
    )
    expect(service.seen.map((one) => one.url)).toEqual([seen])
  })
})

it('answers a client that offers HTTP/2 as if it had not', async () => {
  const { url, service } = await moved()
  const answer = await raw(
    url,
    'GET /api/things HTTP/1.1\r\nHost: a\r\nX-Subject: ann\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n',
  )
  expect(answer).toMatch(/^HTTP\/1.1 200 OK/)
  expect(Object.keys(service.seen[0]!.headers)).not.toContain('http2-settings')
  expect(service.seen[0]!.headers.upgrade).toBeUndefined()
})

it('ends the connection of a client that was refused before it sent its body', async () => {
  const { url, admin, monolith, service } = await moved()
  await admin('PUT', '/table', table(monolith.url, service.url, 2, { hold: hold(10) }))
  const client = (await RawClient.connect(url)).send(
    'POST /api/things HTTP/1.1\r\nHost: a\r\nX-Subject: ann\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
  )
  await until(() => client.closed)
  expect(client.received).toMatch(/^HTTP\/1.1 503 [\s\S]*connection: close/)
})

it('reads no body while a request is held', async () => {
  const { url, admin, monolith, service } = await moved()
  await admin('PUT', '/table', table(monolith.url, service.url, 2, { hold: hold(30_000) }))
  const size = 32 * 1024 * 1024
  const client = (await RawClient.connect(url)).send(
    `POST /api/things HTTP/1.1\r\nHost: a\r\nX-Subject: ann\r\nContent-Length: ${size}\r\n\r\n`,
  )
  client.socket.write(Buffer.alloc(size, 'z'))
  await until(async () => ((await admin('GET', '/health')).body as { held: number }).held === 1)
  let last = -1
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const same = client.socket.writableLength === last
    last = client.socket.writableLength
    return same
  })
  expect(last).toBeGreaterThan(0)
  await admin('PUT', '/table', table(monolith.url, service.url, 3, { targetBuckets: ALL }))
  await client.until(/"side":"service"/)
  expect(service.seen[0]!.body).toHaveLength(size)
})

describe('the owner of a request', () => {
  const owners = async (
    owner: NonNullable<import('@banyan/contracts').RouteRule['owner']>,
    path = '/api/things',
  ) => {
    const monolith = await upstream('monolith')
    const service = await upstream('service')
    const { BucketSet, bucketOf } = await import('@banyan/contracts')
    const { url } = await startGateway({
      monolith: monolith.url,
      auth: { kind: 'none' },
      table: table(monolith.url, service.url, 1, {
        routes: [{ methods: [], path, owner }],
        targetBuckets: BucketSet.of([bucketOf('ann é')]).toString(),
      }),
    })
    return async (at: string, init: RequestInit = {}) => {
      const answer = await fetch(url + at, init)
      const { side, code } = (await answer.json()) as { side?: string; code?: string }
      return side ?? code
    }
  }

  it('stands in the path', async () => {
    const ask = await owners({ from: 'path', name: 'user' }, '/api/things/:user/likes')
    expect(await ask('/api/things/ann%20%C3%A9/likes')).toBe('service')
    expect(await ask('/api/things/bob/likes')).toBe('monolith')
    expect(await ask('/api/things/%FF/likes')).toBe('BAD_REQUEST')
  })

  it('stands in the query, once', async () => {
    const ask = await owners({ from: 'query', name: 'user' })
    expect(await ask('/api/things?x=1&user=ann+%C3%A9')).toBe('service')
    expect(await ask('/api/things?user=bob')).toBe('monolith')
    expect(await ask('/api/things?user=bob&user=ann+%C3%A9')).toBe('BAD_REQUEST')
  })

  it('stands in a header', async () => {
    const ask = await owners({ from: 'header', name: 'X-Owner' })
    expect(await ask('/api/things', { headers: { 'x-owner': 'bob' } })).toBe('monolith')
    expect(await ask('/api/things')).toBe('monolith')
  })

  it('stands in the body: JSON or a form', async () => {
    const ask = await owners({ from: 'body', field: 'to.user' })
    const post = (type: string, body: string) =>
      ask('/api/things', { method: 'POST', headers: { 'content-type': type }, body })
    expect(await post('application/json', '{"to":{"user":"ann é"}}')).toBe('service')
    expect(await post('application/json', '{"to":{"user":"bob"}}')).toBe('monolith')
    expect(await post('application/json', '{"to":')).toBe('monolith')
    expect(await post('application/x-www-form-urlencoded', 'to.user=ann%20%C3%A9')).toBe('service')
    expect(await post('application/json', ' '.repeat(2 * 1024 * 1024))).toBe('BAD_REQUEST')
  })
})
