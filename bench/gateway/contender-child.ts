/** One contender: `contender-child.ts ROLE {"upstream":PORT,"hung":PORT}`. Says where it listens. */
import { Agent, createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { BucketSet, type RouteTable } from '@banyan/contracts'
import { createGateway, type GatewayOptions } from '@banyan/gateway'
import proxy from '@fastify/http-proxy'
import fastify from 'fastify'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { Tokens } from '../../scripts/gateway-security/tokens.ts'
import { startUpstream } from '../upstream.ts'
import type { Ready, Role } from './contenders.ts'

const [role, given = '{}'] = process.argv.slice(2) as [Role, string?]
const { upstream = 0, hung = 0 } = JSON.parse(given) as { upstream?: number; hung?: number }
const url = (port: number) => `http://127.0.0.1:${port}`

const ROLES: Readonly<Record<Role, () => Promise<Ready>>> = {
  upstream: async () => plain((await startUpstream()).port),
  hung: async () => plain(await listen(createTcpServer(() => {}))),
  bare: () => gateway({}),
  logged: () => gateway({ logLevel: 'info' }),
  full: () => full(table('target', null)),
  /** The same chain, and the answer is kept: after the first request no upstream is asked. */
  cached: () => full(table('target', null, { seconds: 86_400 })),
  shadowing: () => gateway({ table: table('source', { percent: 100, ignore: [] }) }),
  /** The same extraction, so that nothing but the shadow differs. */
  unshadowed: () => gateway({ table: table('source', null) }),
  async fastifyHttpProxy() {
    const app = fastify()
    await app.register(proxy, { upstream: url(upstream) })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return plain((app.server.address() as AddressInfo).port)
  },
  async httpProxyMiddleware() {
    const agent = new Agent({ keepAlive: true })
    const middleware = createProxyMiddleware({ target: url(upstream), agent })
    const server = createServer((request, response) => {
      void middleware(request, response, () => response.writeHead(404).end())
    })
    return plain(await listen(server))
  },
}

/** The whole chain: a token signed by ES256, limits, a trace, and the owner of each request by a moved route. */
async function full(given: RouteTable): Promise<Ready> {
  const tokens = new Tokens()
  const keys = await listen(createServer((_, response) => response.end(tokens.keySet)))
  const { port } = await gateway({
    auth: { kind: 'jwks', url: url(keys), issuer: Tokens.ISSUER, audience: Tokens.AUDIENCE },
    limits: {
      rules: [{ name: 'all', paths: ['/'], per: 'user', requests: 1_000_000, seconds: 1 }],
    },
    table: given,
  })
  return { port, headers: [`Authorization: Bearer ${tokens.make()}`] }
}

async function gateway(options: Partial<GatewayOptions>): Promise<Ready> {
  const created = createGateway({
    id: 'bench',
    listen: { port: 0 },
    admin: { port: 0, token: 'token of the benchmark' },
    identityKey: 'key of the benchmark',
    auth: { kind: 'none' },
    monolith: url(upstream),
    logLevel: 'silent',
    ...options,
  })
  await created.listen()
  return plain(created.publicPort)
}

function table(
  side: 'source' | 'target',
  shadow: RouteTable['extractions'][0]['shadow'],
  cache?: RouteTable['extractions'][0]['routes'][0]['cache'],
): RouteTable {
  const target = side === 'target' ? upstream : hung
  return {
    token: 1,
    version: 1,
    monolith: url(upstream),
    extractions: [
      {
        extraction: 'things',
        target: url(target),
        routes: [{ methods: [], path: '/api/*', ...(cache ? { cache } : {}) }],
        targetBuckets: (side === 'target' ? BucketSet.all : BucketSet.none).toString(),
        hold: null,
        shadow,
      },
    ],
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function plain(port: number): Ready {
  return { port, headers: [] }
}

process.send!(await ROLES[role]())
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send!(user + system)
})
