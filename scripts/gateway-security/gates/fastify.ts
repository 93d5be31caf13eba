import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import proxy from '@fastify/http-proxy'
import fastify, { type FastifyInstance } from 'fastify'
import type { Ports, Product } from '../gate.ts'
import { IDENTITY_HEADERS } from './identity-headers.ts'

/** The plugin as its manual has it: a prefix that is rewritten, the identity dropped from clients. */
export const fastifyHttpProxy: Product = {
  name: '@fastify/http-proxy',
  missing: async () => null,
  async start(ports) {
    const patient = await listen(ports, {}, {})
    // Node looks every 30 s whether a head is late; nobody waits so long here.
    const impatient = await listen(
      ports,
      {
        connectionTimeout: 500,
        requestTimeout: 500,
        http: { headersTimeout: 500, connectionsCheckingInterval: 100 },
      },
      { undici: { headersTimeout: 500, bodyTimeout: 500 } },
    )
    return {
      port: portOf(patient),
      impatientPort: portOf(impatient),
      async close() {
        for (const one of [patient, impatient]) {
          one.server.closeAllConnections()
          await one.close()
        }
      },
    }
  },
}

async function listen(
  { monolith, service }: Ports,
  settings: object,
  upstreamSettings: object,
): Promise<FastifyInstance> {
  const app = fastify({ forceCloseConnections: true, ...settings })
  const common = {
    ...upstreamSettings,
    replyOptions: {
      rewriteRequestHeaders: (_: unknown, headers: IncomingHttpHeaders) => {
        const kept = { ...headers }
        for (const name of IDENTITY_HEADERS) delete kept[name.toLowerCase()]
        return kept
      },
    },
  }
  await app.register(proxy, {
    ...common,
    upstream: `http://127.0.0.1:${service}`,
    prefix: '/api/things',
    rewritePrefix: '/v1/things',
  })
  await app.register(proxy, { ...common, upstream: `http://127.0.0.1:${monolith}` })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port
}
