import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import {
  ALL,
  cleanUp,
  listen,
  RawClient,
  raw,
  startGateway,
  table,
  until,
  upstream,
} from './testing.ts'

/** A TCP server that notes the bytes of each connection and answers `reply` once `end` has come. */
async function recorder(end: RegExp, reply: string | Buffer) {
  const requests: string[] = []
  const server = createTcpServer((socket) => {
    let received = ''
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.on('data', (chunk: string) => {
      received += chunk
      if (!end.test(received)) return
      requests.push(received)
      received = ''
      socket.write(reply)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sockets = new Set<import('node:net').Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  cleanUp(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as import('node:net').AddressInfo
  return { url: `http://127.0.0.1:${port}`, requests }
}

it('passes an unmatched request on as it is: path bytes, header spelling and order, Host', async () => {
  const monolith = await recorder(/\r\n\r\n$/, 'HTTP/1.1 204 Fine Enough\r\nx-Odd: 1\r\n\r\n')
  const { url } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, 'http://127.0.0.1:1', 1),
  })
  const answer = await raw(
    url,
    'GET /a//b%7e%c3%a9;x?q=%2F&&y#'.slice(0, -1) +
      ' HTTP/1.1\r\nHost: shop.example:81\r\nX-lower-UPPER: a  b\r\nCookie: a=1\r\nCookie: b=2\r\nConnection: close\r\n\r\n',
  )
  const [line, ...headers] = monolith.requests[0]!.split('\r\n')
  expect(line).toBe('GET /a//b%7e%c3%a9;x?q=%2F&&y HTTP/1.1')
  expect(headers.slice(0, 5)).toEqual([
    'host: shop.example:81',
    'connection: keep-alive',
    'X-lower-UPPER: a  b',
    'Cookie: a=1',
    'Cookie: b=2',
  ])
  const added = headers.slice(5).map((header) => header.split(':')[0])
  expect(added.filter(Boolean)).toEqual([
    'x-correlation-id',
    'traceparent',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
  ])
  expect(answer).toMatch(/^HTTP\/1.1 204 Fine Enough\r\nx-Odd: 1\r\nx-correlation-id: /)
  expect(answer).not.toMatch(/^(date|content-length|transfer-encoding)/im)
})

it('does not let the monolith find a moved route in dots that were routed as something else', async () => {
  const monolith = await upstream('monolith')
  const { url } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, 'http://127.0.0.1:1', 1),
  })
  const answer = await raw(
    url,
    'GET /api/things/../other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  )
  expect(answer).toContain('"url":"/api/other"')
})

it('does not touch the answer: repeated headers, compressed bodies, trailers, no content type', async () => {
  const zipped = gzipSync('hello '.repeat(1000))
  const head = [
    'HTTP/1.1 200 OK',
    'Set-Cookie: a=1',
    'Set-Cookie: b=2',
    'Content-Encoding: gzip',
    `Content-Length: ${zipped.length}`,
    'Connection: X-Private, keep-alive',
    'X-Private: 1',
    'Keep-Alive: timeout=9',
    '',
    '',
  ].join('\r\n')
  const monolith = await recorder(/\r\n\r\n$/, Buffer.concat([Buffer.from(head), zipped]))
  const { url } = await startGateway({ monolith: monolith.url })
  const answer = await raw(url, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  const [answered, ...rest] = answer.split('\r\n\r\n')
  expect(Buffer.from(rest.join('\r\n\r\n'), 'latin1').equals(zipped)).toBe(true)
  expect(answered).toContain('Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Encoding: gzip')
  expect(answered).not.toMatch(/content-type|x-private|timeout=9|^date/im)
})

it('passes trailers of a chunked answer on', async () => {
  const monolith = await recorder(
    /\r\n\r\n$/,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n',
  )
  const { url } = await startGateway({ monolith: monolith.url })
  const answer = await raw(url, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  expect(answer).toMatch(/\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n$/)
})

it('carries bodies of any framing whole: declared, chunked, empty, 20 MiB', async () => {
  const monolith = await upstream('monolith', (seen, response) => {
    response.end(createHash('sha256').update(seen.body).digest('hex'))
  })
  const { url } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, 'http://127.0.0.1:1', 1),
  })
  const large = 'x'.repeat(20 * 1024 * 1024)
  const chunked = (text: string) =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text))
        controller.close()
      },
    })
  for (const path of ['/other', '/api/things']) {
    for (const text of ['', 'small', large]) {
      for (const body of [text, chunked(text)]) {
        const answer = await fetch(url + path, {
          method: 'PUT',
          headers: { 'x-subject': 'ann' },
          body,
          duplex: 'half',
        } as RequestInit)
        expect(await answer.text()).toBe(createHash('sha256').update(text).digest('hex'))
      }
    }
  }
})

it('answers HEAD with the length of the body and without it', async () => {
  const monolith = await recorder(/\r\n\r\n$/, 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n')
  const { url } = await startGateway({ monolith: monolith.url })
  const answer = await raw(url, 'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\nContent-Length: 12\r\n/)
  expect(answer).toMatch(/\r\n\r\n$/)
})

it('asks for the body of a request that expects "100 Continue" only when it goes on', async () => {
  const monolith = await upstream('monolith')
  const { url } = await startGateway({ monolith: monolith.url })
  const answer = await raw(
    url,
    'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi',
  )
  expect(answer).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/)
  expect(monolith.seen[0]).toMatchObject({ body: 'hi' })
  expect(monolith.seen[0]!.headers.expect).toBeUndefined()
})

it('returns the correlation id once, its own, even when the upstream answers another', async () => {
  const monolith = await upstream('monolith', (_, response) => {
    response.setHeader('X-Correlation-Id', 'theirs')
    response.end()
  })
  const { url } = await startGateway({ monolith: monolith.url })
  const answer = await fetch(url, { headers: { 'x-correlation-id': 'mine' } })
  expect(answer.headers.get('x-correlation-id')).toBe('mine')
  expect(monolith.seen[0]!.headers['x-correlation-id']).toBe('mine')
})

it('answers 502 when nobody listens and 504 when nobody answers, and goes on', async () => {
  const mute = await upstream('mute', () => {})
  const monolith = await upstream('monolith')
  const { url, admin } = await startGateway({
    monolith: 'http://127.0.0.1:1',
    timeouts: { answerMs: 100 },
  })
  const gone = await fetch(url, { method: 'POST', body: 'x' })
  expect([gone.status, await gone.json()]).toMatchObject([502, { code: 'UPSTREAM_UNREACHABLE' }])
  await admin('PUT', '/table', { token: 1, version: 1, monolith: mute.url, extractions: [] })
  const slow = await fetch(url)
  expect([slow.status, await slow.json()]).toMatchObject([504, { code: 'UPSTREAM_TIMEOUT' }])
  await admin('PUT', '/table', { token: 1, version: 2, monolith: monolith.url, extractions: [] })
  expect((await fetch(url)).status).toBe(200)
})

it('gives a form with files as long as a body that streams, however small it is', async () => {
  let arrive = (_answer: () => void) => {}
  const arrived = new Promise<() => void>((resolve) => {
    arrive = resolve
  })
  const monolith = await upstream('monolith')
  const service = await upstream('service', (_, response, request) => {
    if (!request.headers['content-type']?.startsWith('multipart/')) return
    arrive(() => response.end('taken in'))
  })
  const { url } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { targetBuckets: ALL }),
    timeouts: { answerMs: 100, uploadMs: 60_000 },
  })
  const form = new FormData()
  form.append('file', new Blob(['x']), 'x.txt')
  const post = (body: string | FormData) =>
    fetch(`${url}/api/things`, { method: 'POST', headers: { 'x-subject': 'ann' }, body })
  const taken = post(form)
  const answer = await arrived
  const change = await post('x')
  expect([change.status, await change.json()]).toMatchObject([504, { code: 'UPSTREAM_TIMEOUT' }])
  // By now the form has waited for longer than the change was given.
  answer()
  expect((await taken).status).toBe(200)
})

it('asks again, once, when a kept connection was closed under a read, and never for a write', async () => {
  let close = false
  const monolith = await upstream('monolith', (_, response, request) => {
    if (close) {
      close = false
      request.socket.destroy()
    } else response.end('ok')
  })
  const { url } = await startGateway({ monolith: monolith.url })
  expect((await fetch(url)).status).toBe(200)
  close = true
  expect((await fetch(url)).status).toBe(200)
  expect(monolith.seen).toHaveLength(3)
  expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(200)
  close = true
  expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(502)
  expect(monolith.seen).toHaveLength(5)
})

it('sends a write on no kept connection whose end has come, although it has not been read yet', async () => {
  const kept: Socket[] = []
  const server = createServer((request, response) => {
    kept.push(request.socket)
    request.resume().on('end', () => response.end('ok'))
  })
  const { url } = await startGateway({ monolith: await listen(server) })
  const client = await RawClient.connect(url)
  for (let i = 1; i <= 20; i++) {
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => kept.length === 2 * i - 1 && client.received.endsWith('ok'))
    // Both arrive while the gateway does something else, and the request is what it reads first.
    client.received = ''
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx')
    kept.at(-1)!.destroy()
    expect(await client.until(/\r\n\r\n[\s\S]+/)).toMatch(/^HTTP\/1.1 200 OK/)
    client.received = ''
  }
})

it('keeps its connections to an upstream', async () => {
  const monolith = await upstream('monolith')
  let connections = 0
  monolith.server.on('connection', () => connections++)
  const { url } = await startGateway({ monolith: monolith.url })
  for (let i = 0; i < 20; i++) await (await fetch(url)).text()
  expect(connections).toBe(1)
})

it('serves a base URL with a path', async () => {
  const monolith = await upstream('monolith')
  const { url } = await startGateway({ monolith: `${monolith.url}/base/` })
  await fetch(`${url}/a?b`)
  expect(monolith.seen[0]!.url).toBe('/base/a?b')
})

it('finishes what is in flight before it closes, and keeps no connection open after it', async () => {
  const answers: (() => void)[] = []
  const monolith = await upstream('monolith', (seen, response) => {
    if (seen.url === '/begun') response.write('begun')
    answers.push(() => response.end('late'))
  })
  const { url, gateway } = await startGateway({
    monolith: monolith.url,
    timeouts: { closeMs: 50_000 },
  })
  const asked = fetch(url)
  const begun = await fetch(`${url}/begun`)
  await until(() => monolith.seen.length === 2)
  const closed = gateway.close()
  for (const answer of answers) answer()
  const late = await asked
  expect([await late.text(), late.headers.get('connection')]).toEqual(['late', 'close'])
  expect(await begun.text()).toBe('begunlate')
  await closed
  await expect(fetch(url)).rejects.toThrow()
})
