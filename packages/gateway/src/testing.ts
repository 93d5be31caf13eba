import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { BucketSet, type ExtractionRoutes, type RouteTable } from '@banyan/contracts'
import { afterEach } from 'vitest'
import { createGateway, type Gateway, type GatewayOptions } from './index.ts'

/** Things a test started, ended in reverse order after it. */
const started: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const stop of started.splice(0).reverse()) await stop()
})

export function cleanUp(stop: () => Promise<unknown> | unknown): void {
  started.push(stop)
}

const ADMIN_TOKEN = 'admin-token-of-the-tests'
export const IDENTITY_KEY = 'identity-key-of-the-tests'

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface TestUpstream {
  readonly url: string
  readonly seen: Seen[]
  readonly server: Server
}

/** A server that notes what it is asked and answers by `handler`, or with its name and what it saw. */
export async function upstream(
  name: string,
  handler?: (seen: Seen, response: ServerResponse, request: IncomingMessage) => void,
): Promise<TestUpstream> {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    } catch {
      return
    }
    const one: Seen = {
      method: request.method!,
      url: request.url!,
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body: Buffer.concat(chunks).toString(),
    }
    seen.push(one)
    if (handler) handler(one, response, request)
    else {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ side: name, url: one.url, body: one.body }))
    }
  })
  const url = await listen(server)
  return { url, seen, server }
}

/** Listens on a free port of 127.0.0.1; closed after the test. */
export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export interface TestGateway {
  readonly gateway: Gateway
  readonly url: string
  admin(method: string, path: string, body?: unknown): Promise<{ status: number; body: never }>
}

/** A gateway without a control plane; `auth` takes the user from the header X-Subject unless said otherwise. */
export async function startGateway(
  options: Partial<GatewayOptions> & { monolith: string },
): Promise<TestGateway> {
  const gateway = createGateway({
    id: 'test',
    listen: { port: 0 },
    admin: { port: 0, token: ADMIN_TOKEN },
    identityKey: IDENTITY_KEY,
    auth: { kind: 'header', name: 'x-subject' },
    logLevel: 'silent',
    ...options,
    timeouts: { closeMs: 1_000, ...options.timeouts },
  })
  await gateway.listen()
  cleanUp(() => gateway.close())
  return {
    gateway,
    url: `http://127.0.0.1:${gateway.publicPort}`,
    async admin(method, path, body) {
      const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}${path}`, {
        method,
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as never }
    },
  }
}

/** One extraction, "things", that moves /api/things and below to /v1/things. */
export function table(
  monolith: string,
  target: string,
  version: number,
  overrides: Partial<ExtractionRoutes> = {},
): RouteTable {
  const rewrite = { from: '/api/things', to: '/v1/things' }
  return {
    token: 1,
    version,
    monolith,
    extractions: [
      {
        extraction: 'things',
        target,
        routes: [
          { methods: [], path: '/api/things', rewrite },
          { methods: [], path: '/api/things/*', rewrite },
        ],
        targetBuckets: BucketSet.none.toString(),
        hold: null,
        shadow: null,
        ...overrides,
      },
    ],
  }
}

export const ALL = BucketSet.all.toString()

export function hold(budgetMs: number, reads = false): ExtractionRoutes['hold'] {
  return { buckets: ALL, reads, budgetMs, attempt: 'attempt' }
}

type Falsy = false | null | undefined | 0 | ''

/** Polls until `check` answers something; a test's own timeout is the limit. */
export async function until<T>(check: () => T | Promise<T>): Promise<Exclude<T, Falsy>> {
  for (;;) {
    const value = await check()
    if (value) return value as Exclude<T, Falsy>
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A raw connection: what is sent is what stands on the wire. */
export class RawClient {
  readonly socket: Socket
  received = ''
  closed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      this.received += chunk
    })
    socket.on('close', () => {
      this.closed = true
    })
    socket.on('error', () => {})
  }

  static async connect(url: string): Promise<RawClient> {
    const { port } = new URL(url)
    const socket = connect(Number(port), '127.0.0.1')
    const client = new RawClient(socket)
    await new Promise((resolve) => socket.once('connect', resolve))
    cleanUp(() => socket.destroy())
    return client
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  async until(pattern: RegExp): Promise<string> {
    await until(() => pattern.test(this.received) || this.closed)
    return this.received
  }
}

/** Sends one raw request on a connection of its own and answers all that comes back. */
export async function raw(url: string, request: string): Promise<string> {
  const client = await RawClient.connect(url)
  client.send(request)
  await until(() => client.closed)
  return client.received
}

/** So many clients of event streams leave, each in its own moment; resolves once nothing of them is left anywhere. */
export async function leaveStreams(count: number): Promise<void> {
  const atOnce = 200
  const open = new Set<Socket>()
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 0\n\n')
  })
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  const { url, admin } = await startGateway({ monolith: await listen(server) })
  for (let left = 0; left < count; left += atOnce) {
    const clients = await Promise.all(
      Array.from({ length: atOnce }, async (_, i) => {
        const client = await RawClient.connect(url)
        client.send('GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
        // Some leave before the first byte, some in the middle.
        if (i % 4 > 0) await client.until(/data: 0/)
        return client
      }),
    )
    for (const { socket } of clients) socket.destroy()
  }
  await until(() => open.size === 0)
  await until(async () => ((await admin('GET', '/health')).body as { calls: number }).calls === 0)
}
