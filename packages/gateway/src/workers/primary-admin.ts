import { createServer, type Server } from 'node:http'
import { METRICS_TYPE } from '../admin.ts'
import { type Family, textOf } from '../exposition.ts'

export interface PrimaryAdminParts {
  metrics(): Promise<Family[]>
  health(): Promise<{ readonly ok: boolean }>
}

/**
 * `GET /metrics` and `GET /health` of all workers together. No token is asked: neither names a caller. The control plane asks
 * each worker at its own listener.
 */
export async function openPrimaryAdmin(
  { host = '127.0.0.1', port }: { readonly host?: string; readonly port: number },
  parts: PrimaryAdminParts,
): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = async () => {
      if (request.method === 'GET' && request.url === '/metrics') {
        const page = textOf(await parts.metrics())
        response.writeHead(200, { 'content-type': METRICS_TYPE }).end(page)
        return
      }
      if (request.method === 'GET' && request.url === '/health') {
        const health = await parts.health()
        response.writeHead(health.ok ? 200 : 503, { 'content-type': 'application/json' })
        response.end(JSON.stringify(health))
        return
      }
      response.writeHead(404).end()
    }
    answer().catch(() => response.writeHead(500).end())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return server
}
