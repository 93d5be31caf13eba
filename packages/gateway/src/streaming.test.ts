import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { BucketSet, bucketOf } from '@banyan/contracts'
import { describe, expect, it } from 'vitest'
import {
  ALL,
  cleanUp,
  hold,
  leaveStreams,
  listen,
  RawClient,
  startGateway,
  table,
  until,
  upstream,
} from './testing.ts'

/** A server whose requests and answers the test drives by hand. */
async function manual() {
  const asked: { request: IncomingMessage; response: ServerResponse }[] = []
  const server = createServer((request, response) => asked.push({ request, response }))
  return { url: await listen(server), asked, server }
}

const get = (path: string, headers = '') =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nX-Subject: ann\r\n${headers}\r\n`

it('stops reading an answer that its client does not read, and loses none of it', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const total = 64 * 1024 * 1024
  let written = 0
  const monolith = await upstream('monolith', (_, response) => {
    const write = () => {
      while (written < total) {
        written += chunk.length
        if (!response.write(chunk)) {
          response.once('drain', write)
          return
        }
      }
      response.end()
    }
    write()
  })
  const { url } = await startGateway({ monolith: monolith.url })
  const client = await RawClient.connect(url)
  client.socket.pause()
  client.send(get('/', 'Connection: close\r\n'))
  // Stalled: two looks a while apart find the same number, far below all of it.
  let last = -1
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const same = written > 0 && written === last
    last = written
    return same
  })
  expect(written).toBeLessThan(total / 2)
  client.socket.resume()
  await until(() => client.closed)
  expect(client.received.split('x').length - 1).toBeGreaterThanOrEqual(total)
})

it('stops reading a body that the upstream does not read, and carries it whole', async () => {
  const { url: monolith, asked } = await manual()
  const { url } = await startGateway({ monolith })
  const client = await RawClient.connect(url)
  const chunk = Buffer.alloc(64 * 1024, 'y')
  const count = 1024
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${chunk.length * count}\r\n\r\n`)
  for (let i = 0; i < count; i++) client.socket.write(chunk)
  const { request, response } = await until(() => asked[0])
  let last = -1
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const same = client.socket.bytesWritten - client.socket.writableLength === last
    last = client.socket.bytesWritten - client.socket.writableLength
    return same
  })
  expect(client.socket.writableLength).toBeGreaterThan((chunk.length * count) / 2)
  const hash = createHash('sha256')
  for await (const piece of request) hash.update(piece as Buffer)
  response.end(hash.digest('hex'))
  const expected = createHash('sha256')
  for (let i = 0; i < count; i++) expected.update(chunk)
  await client.until(new RegExp(expected.digest('hex')))
})

it('ends the upstream request when its client leaves: waiting, in the answer, in the body', async () => {
  const { url: monolith, asked } = await manual()
  const { url } = await startGateway({ monolith })
  const requests = [
    get('/'),
    get('/'),
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome',
  ]
  for (const [i, request] of requests.entries()) {
    const client = (await RawClient.connect(url)).send(request)
    const { response } = await until(() => asked[i])
    if (i === 1) {
      response.write('begun')
      await client.until(/begun/)
    }
    client.socket.destroy()
    await until(() => response.destroyed || response.socket?.destroyed)
  }
})

it('cuts the answer off when the upstream breaks it off', async () => {
  const { url: monolith, asked } = await manual()
  const { url } = await startGateway({ monolith })
  const client = (await RawClient.connect(url)).send(get('/'))
  const { response } = await until(() => asked[0])
  response.write('begun')
  await client.until(/begun/)
  response.destroy()
  await until(() => client.closed)
  expect(client.received).not.toMatch(/0\r\n\r\n$/)
})

it('shows the head of a slow answer before its body', async () => {
  const { url: monolith, asked } = await manual()
  const { url } = await startGateway({ monolith })
  const client = (await RawClient.connect(url)).send(get('/'))
  const { response } = await until(() => asked[0])
  response.flushHeaders()
  await client.until(/^HTTP\/1.1 200 OK\r\n/)
  response.end('later')
  await client.until(/later/)
})

describe('event streams', () => {
  const open = async (monolith: Awaited<ReturnType<typeof manual>>, url: string, path: string) => {
    const count = monolith.asked.length
    const client = (await RawClient.connect(url)).send(get(path))
    const { response } = await until(() => monolith.asked[count])
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 0\n\n')
    await client.until(/data: 0/)
    return { client, response }
  }

  it('live through table changes that do not move their bucket, and hold nothing up', async () => {
    const monolith = await manual()
    const service = await upstream('service')
    const { url, admin } = await startGateway({
      monolith: monolith.url,
      table: table(monolith.url, service.url, 1),
    })
    const moved = await open(monolith, url, '/api/things/events')
    const other = await open(monolith, url, '/events')
    const targetBuckets = BucketSet.all.minus(BucketSet.of([bucketOf('ann')])).toString()
    for (let version = 2; version < 202; version++) {
      const held = version % 2 === 0 ? hold(1_000, true) : null
      const next = table(monolith.url, service.url, version, { targetBuckets, hold: held })
      const { body } = await admin('PUT', '/table?drainMs=30000', next)
      expect(body).toMatchObject({ drained: true })
    }
    for (const { client, response } of [moved, other]) {
      response.write('data: 1\n\n')
      await client.until(/data: 1/)
      expect(client.closed).toBe(false)
    }
  })

  it('that a thousand clients leave, leave nothing upstream', () => leaveStreams(1_000))

  it('end whole once their bucket is at the other side, so that clients connect there', async () => {
    const monolith = await manual()
    const service = await upstream('service')
    const { url, admin } = await startGateway({
      monolith: monolith.url,
      table: table(monolith.url, service.url, 1),
    })
    const { client, response } = await open(monolith, url, '/api/things/events')
    const unmoved = await open(monolith, url, '/events')
    const next = table(monolith.url, service.url, 2, { targetBuckets: ALL })
    await admin('PUT', '/table', next)
    await client.until(/0\r\n\r\n$/)
    await until(() => response.destroyed || response.socket?.destroyed)
    client.send(get('/api/things/events'))
    await client.until(/"side":"service"/)
    expect(unmoved.client.closed).toBe(false)
  })
})

describe('WebSockets', () => {
  async function echo(name: string) {
    const server = createServer()
    const sockets = new Set<Socket>()
    server.on('upgrade', (request, socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      if (request.url === '/refused') {
        socket.end('HTTP/1.1 403 No\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope')
        return
      }
      const seen = JSON.stringify([name, request.url, request.headers['x-user-id'] ?? null])
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n')
      socket.write(`Connection: Upgrade\r\nX-Seen: ${seen}\r\n\r\nhello`)
      socket.on('end', () => socket.end())
      socket.on('data', (chunk) => socket.write(`echo:${chunk}`))
    })
    const url = await listen(server)
    cleanUp(() => {
      for (const socket of sockets) socket.destroy()
    })
    return { url, sockets }
  }
  const upgrade = (path: string, headers = '') =>
    get(path, `Connection: Upgrade\r\nUpgrade: websocket\r\n${headers}`)

  it('pass in both directions, with identity at a service and none from the client', async () => {
    const monolith = await echo('monolith')
    const service = await echo('service')
    const { url } = await startGateway({
      monolith: monolith.url,
      table: table(monolith.url, service.url, 1, { targetBuckets: ALL }),
    })
    for (const [path, seen] of [
      ['/chat?x', '["monolith","/chat?x",null]'],
      ['/api/things/chat', '["service","/v1/things/chat","ann"]'],
    ] as const) {
      const client = (await RawClient.connect(url)).send(upgrade(path, 'X_User_Id: root\r\n'))
      await client.until(/hello/)
      expect(client.received).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/)
      expect(client.received).toContain(`X-Seen: ${seen}`)
      client.send('ping')
      await client.until(/echo:ping/)
    }
    for (const { sockets } of [monolith, service]) expect(sockets.size).toBe(1)
  })

  it('end on both ends when either leaves', async () => {
    const monolith = await echo('monolith')
    const { url } = await startGateway({ monolith: monolith.url })
    const first = (await RawClient.connect(url)).send(upgrade('/'))
    await first.until(/hello/)
    first.socket.destroy()
    const [socket] = monolith.sockets
    await until(() => socket!.destroyed)
    const second = (await RawClient.connect(url)).send(upgrade('/'))
    await second.until(/hello/)
    for (const one of monolith.sockets) one.destroy()
    await until(() => second.closed)
  })

  it('move with their bucket, live through other changes, and hold nothing up', async () => {
    const monolith = await echo('monolith')
    const service = await echo('service')
    const { url, admin } = await startGateway({
      monolith: monolith.url,
      table: table(monolith.url, service.url, 1),
    })
    const client = (await RawClient.connect(url)).send(upgrade('/api/things/chat'))
    await client.until(/hello/)
    const held = table(monolith.url, service.url, 2, { hold: hold(1_000, true) })
    expect((await admin('PUT', '/table?drainMs=30000', held)).body).toMatchObject({ drained: true })
    client.send('ping')
    await client.until(/echo:ping/)
    await admin('PUT', '/table', table(monolith.url, service.url, 3, { targetBuckets: ALL }))
    await until(() => client.closed)
  })

  it('that the upstream refuses get its refusal', async () => {
    const monolith = await echo('monolith')
    const { url } = await startGateway({ monolith: monolith.url })
    const client = (await RawClient.connect(url)).send(upgrade('/refused'))
    await until(() => client.closed)
    expect(client.received).toMatch(/^HTTP\/1.1 403 No\r\n[\s\S]*nope$/)
  })
})
