import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type DetailedPeerCertificate } from 'node:tls'
import { type Authority, authority, DAY_MS, issue } from '@banyan/contracts/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { SecondClient } from './testing/second-client.ts'
import { ALL, cleanUp, startGateway, type TestUpstream, table, until, upstream } from './testing.ts'

let known: Authority

beforeAll(async () => {
  known = await authority('known')
})

async function start(handler?: Parameters<typeof upstream>[1], options: object = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-tls-'))
  cleanUp(() => rm(folder, { recursive: true }))
  const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
  const install = async (name: string, endsInMs = DAY_MS) => {
    const { cert, key } = await issue(known, name, { endsInMs })
    await writeFile(files.cert, cert)
    await writeFile(files.key, key)
  }
  await install('one.test')
  const monolith = await upstream('monolith', handler)
  const service = await upstream('service', handler)
  const { gateway } = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { targetBuckets: ALL }),
    tls: files,
    ...options,
  })
  const { publicPort: port, adminPort } = gateway
  const metrics = async () => (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  return { files, install, monolith, service, gateway, port, metrics }
}

/** The name in the certificate that a new connection is shown. */
async function nameAt(port: number): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject))
  const { subject } = socket.getPeerCertificate() as DetailedPeerCertificate
  socket.destroy()
  return subject.CN as string
}

function second(port: number): ClientHttp2Session {
  const session = connect(`https://localhost:${port}`, { rejectUnauthorized: false })
  session.on('error', () => {})
  cleanUp(() => session.destroy())
  return session
}

interface Got {
  status: number
  headers: Record<string, string | string[] | undefined>
  trailers: object
  body: string
}

function read(stream: ClientHttp2Stream): Promise<Got> {
  return new Promise((resolve, reject) => {
    const got: Got = { status: 0, headers: {}, trailers: {}, body: '' }
    stream.setEncoding('utf8')
    stream.on('response', (headers) => {
      got.status = headers[':status']!
      got.headers = headers as Got['headers']
    })
    stream.on('trailers', (trailers) => {
      got.trailers = { ...trailers }
    })
    stream.on('data', (chunk: string) => {
      got.body += chunk
    })
    stream.on('end', () => resolve(got))
    stream.on('error', reject)
  })
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string) {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return read(stream)
}

describe('the certificate', () => {
  it('is replaced for new connections, while those that stand are kept', async () => {
    const { install, gateway, port, service, metrics } = await start()
    const session = second(port)
    await ask(session, { ':path': '/api/things', 'x-subject': 'ann' })
    expect(await nameAt(port)).toBe('one.test')
    await install('two.test')
    await gateway.renewCertificate?.()
    expect(await nameAt(port)).toBe('two.test')
    expect((await ask(session, { ':path': '/api/things', 'x-subject': 'ann' })).status).toBe(200)
    expect(service.seen).toHaveLength(2)
    expect(await metrics()).toContain('banyan_gateway_certificate_refused 0')
  })

  it('stays in use while the files hold none that can be used', async () => {
    const { files, install, gateway, port, metrics } = await start()
    await writeFile(files.key, 'no key')
    await gateway.renewCertificate?.()
    expect(await metrics()).toContain('banyan_gateway_certificate_refused 1')
    expect(await nameAt(port)).toBe('one.test')
    await install('ended.test', -DAY_MS)
    await gateway.renewCertificate?.()
    expect(await nameAt(port)).toBe('one.test')
    const ends = /certificate_ends_timestamp_seconds (\d+)/.exec(await metrics())
    expect(Number(ends![1]) * 1000).toBeGreaterThan(Date.now())
  })

  it('that cannot be read keeps the gateway from starting, with its path', async () => {
    const tls = { cert: '/nowhere.crt', key: '/nowhere.key' }
    await expect(start(undefined, { tls })).rejects.toThrow('/nowhere.crt')
  })
})

it('speaks HTTP/1.1 with clients that ask for it, and no version of TLS before 1.2', async () => {
  const { port, service } = await start()
  const options = { port, path: '/api/things/1', rejectUnauthorized: false }
  const status = await new Promise((resolve, reject) => {
    const headers = { 'x-subject': 'ann' }
    httpsRequest({ ...options, headers }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .on('error', reject)
      .end()
  })
  expect(status).toBe(200)
  expect(service.seen[0]!.headers['x-forwarded-proto']).toBe('https')
  const old = connectTls({ ...options, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })
  await new Promise<void>((resolve) => old.on('error', () => resolve()))
})

describe('HTTP/2', () => {
  it('is routed, authorised and sent on like HTTP/1.1', async () => {
    const { port, service } = await start((seen, response) => {
      response.setHeader('set-cookie', ['a=1', 'b=2'])
      response.setHeader('connection', 'keep-alive')
      response.addTrailers({ 'x-sum': '7' })
      response.writeHead(201, { trailer: 'x-sum' })
      response.write('got ')
      response.addTrailers({ 'x-sum': '7' })
      response.end(seen.body)
    })
    const session = second(port)
    const got = await ask(
      session,
      {
        ':method': 'POST',
        ':path': '/api//things/%61?x=1',
        'x-subject': 'ann',
        'x-user-id': 'eve',
        cookie: ['a=1', 'b=2'],
        te: 'trailers',
      },
      'hello',
    )
    expect(got).toMatchObject({ status: 201, body: 'got hello', trailers: { 'x-sum': '7' } })
    expect(got.headers['set-cookie']).toEqual(['a=1', 'b=2'])
    const [seen] = service.seen
    expect(seen).toMatchObject({ method: 'POST', url: '/v1/things/a?x=1', body: 'hello' })
    expect(seen!.headers).toMatchObject({
      'x-user-id': 'ann',
      cookie: 'a=1; b=2',
      'x-forwarded-host': `localhost:${port}`,
      'transfer-encoding': 'chunked',
    })
    expect(seen!.headers.te).toBeUndefined()
  })

  it('streams events and large bodies both ways, and a client that leaves ends its request upstream', async () => {
    let left = false
    const { port } = await start((seen, response) => {
      if (seen.url === '/large') response.end(seen.body)
      else {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: 1\n\n')
        response.on('close', () => {
          left = true
        })
      }
    })
    const session = second(port)
    const large = 'x'.repeat(3_000_000)
    expect((await ask(session, { ':method': 'POST', ':path': '/large' }, large)).body).toBe(large)
    const events = session.request({ ':path': '/events' })
    events.setEncoding('utf8')
    const first = await new Promise((resolve) => events.once('data', resolve))
    expect(first).toBe('data: 1\n\n')
    events.close()
    await until(() => left)
  })

  it('ends an answer that broke off upstream without making it look whole', async () => {
    const { port } = await start((_, response, request) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half')
      setImmediate(() => request.socket.destroy())
    })
    await expect(ask(second(port), { ':path': '/' })).rejects.toThrow()
  })

  it('answers a refused upload, and takes no more of it', async () => {
    const { port, monolith } = await start()
    const session = second(port)
    const stream = session.request({ ':method': 'POST', ':path': '/a%2fb' }, { endStream: false })
    const got = read(stream)
    stream.write('x'.repeat(100_000))
    expect((await got).status).toBe(400)
    await until(() => stream.closed)
    expect((await ask(session, { ':path': '/' })).status).toBe(200)
    expect(monolith.seen).toHaveLength(1)
  })
})

const GET = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'shop.test'],
  [':path', '/'],
] as const
type Fields = readonly (readonly [string, string])[]

/** GET / with some of its fields in another form. */
function changed(name: string, value: string | null): Fields {
  return GET.flatMap((field) => {
    if (field[0] !== name) return [field]
    return value === null ? [] : [[name, value] as const]
  })
}

const REFUSED: Readonly<Record<string, Fields>> = {
  'a request hidden in the path': changed(':path', '/ HTTP/1.1\r\nhost: evil\r\n\r\nGET /hidden'),
  'a request hidden in the method': changed(':method', 'GET /hidden HTTP/1.1\r\n\r\nGET'),
  'a line break in the host': changed(':authority', 'shop.test\r\nx-a: b'),
  'Transfer-Encoding': [...GET, ['transfer-encoding', 'chunked']],
  Connection: [...GET, ['connection', 'x-a']],
  Upgrade: [...GET, ['upgrade', 'websocket']],
  'another TE': [...GET, ['te', 'gzip']],
  'two paths': [...GET, [':path', '/hidden']],
  'a pseudo header behind another': [...changed(':path', null), ['x-a', 'b'], [':path', '/']],
  'an unknown pseudo header': [...GET, [':other', 'x']],
  'a host that disagrees': [...GET, ['host', 'other.test']],
  'no host': changed(':authority', null),
  'an absolute path': changed(':path', 'https://other.test/'),
  'an empty path': changed(':path', ''),
  'an encoded slash': changed(':path', '/a%2fb'),
  'a fragment': changed(':path', '/a#b'),
  'another scheme': changed(':scheme', 'http'),
  CONNECT: [
    [':method', 'CONNECT'],
    [':authority', 'shop.test:443'],
  ],
  'extended CONNECT': [...changed(':method', 'CONNECT'), [':protocol', 'websocket']],
  TRACE: changed(':method', 'TRACE'),
  'two Authorization': [...GET, ['authorization', 'a'], ['authorization', 'b']],
  'a head beyond 16 KiB': [...GET, ['x-a', 'a'.repeat(16_400)]],
}

describe('a request of HTTP/2 that HTTP/1 would read otherwise', () => {
  it('is refused whatever its trick, and never reaches an upstream', async () => {
    const { port, monolith, service } = await start()
    const passed: string[] = []
    for (const [name, fields] of Object.entries(REFUSED)) {
      const client = await SecondClient.connect(port)
      const verdict = await client.verdict(client.open(fields))
      client.leave()
      const reached = seen(monolith, service)
      if (verdict === 200 || reached > passed.length) passed.push(name)
    }
    expect(passed).toEqual([])
  })

  it('loses a field that is none, or is refused', async () => {
    const { port, monolith } = await start()
    const odd = [
      ['x-a', 'b\r\nx-c: d'],
      ['x-a: b\r\nx-c', 'd'],
      ['x-a', 'b\0'],
      ['X-A', 'b'],
    ] as const
    for (const field of odd) {
      const client = await SecondClient.connect(port)
      await client.verdict(client.open([...GET, field]))
      client.leave()
    }
    for (const { rawHeaders } of monolith.seen) expect(rawHeaders.join()).not.toMatch(/,x-[ac],/i)
  })

  it('is refused when its body is not as long as it says', async () => {
    const { port, monolith } = await start()
    for (const length of ['4', '6']) {
      const client = await SecondClient.connect(port)
      const fields: Fields = [...changed(':method', 'POST'), ['content-length', length]]
      expect(await client.verdict(client.open(fields, 'hello'))).not.toBe(200)
      client.leave()
    }
    expect(monolith.seen).toEqual([])
  })
})

const seen = (...all: TestUpstream[]) => all.reduce((sum, one) => sum + one.seen.length, 0)

describe('a flood over HTTP/2', () => {
  it('of requests that are taken back ends its connection', async () => {
    const { port, metrics } = await start(() => {})
    const client = await SecondClient.connect(port)
    for (let i = 0; i < 400; i++) client.takeBack(client.open(GET))
    expect(await client.verdict(0)).toBe('ended')
    const other = second(port)
    await until(() => other.alpnProtocol === 'h2')
    await metrics()
  })

  it('of header fields without an end does not fill the memory', async () => {
    const { port } = await start()
    const client = await SecondClient.connect(port)
    client.frame(1, 0, 1, Buffer.alloc(0))
    for (let i = 0; i < 100; i++) client.continueWith(1, 8_000)
    expect(await client.verdict(0)).toBe('ended')
  })
})

it('closes once the last request is answered, and says so to its clients', async () => {
  let answer = () => {}
  const { gateway, port } = await start((_, response) => {
    answer = () => response.end('late')
  })
  const session = second(port)
  const got = ask(session, { ':path': '/' })
  await until(() => answer.length === 0 && answer.toString().includes('late'))
  const goneAway = new Promise((resolve) => session.on('goaway', resolve))
  const closed = gateway.close()
  await goneAway
  answer()
  expect((await got).body).toBe('late')
  await closed
})

it('does not take a slow body for a fast one because of its neighbours on the connection', async () => {
  const { port } = await start(undefined, { timeouts: { bodyMs: 100 } })
  const session = second(port)
  const post = (path: string) => {
    const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: false })
    stream.on('error', () => {})
    return stream
  }
  const busy = post('/busy')
  const timer = setInterval(() => busy.write('y'.repeat(1_000)), 10)
  cleanUp(() => clearInterval(timer))
  const slow = post('/slow')
  slow.write('x')
  expect((await read(slow)).status).toBe(408)
  expect(session.closed).toBe(false)
})
