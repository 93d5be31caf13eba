import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  BanyanError,
  type GatewayStats,
  PROBLEM_TYPE,
  type RouteTable,
  type TableAcknowledgement,
} from '@banyan/contracts'
import { parseRouteTable } from './route-table.ts'

export interface AdminParts {
  readonly token: string
  /** @throws BanyanError STALE_TOKEN. */
  takeTable(table: RouteTable, drainMs: number, only: string | null): Promise<TableAcknowledgement>
  stats(): GatewayStats | Promise<GatewayStats>
  /** For Prometheus. */
  metrics(): Promise<string>
  health(): { readonly ok: boolean } & Readonly<Record<string, unknown>>
}

/** Largest table taken, bytes. */
const TABLE_BYTES = 16 * 1024 * 1024
const DRAIN_MS = 60_000

/** What Prometheus is told a page is. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * The listener of the control plane: `PUT /table?drainMs=N&extraction=NAME`, `GET /stats`, `GET /health`; and
 * `GET /metrics`, for which no token is asked, as at every process: it names routes and no one.
 */
export function createAdminServer(parts: AdminParts): Server {
  const expected = digest(`Bearer ${parts.token}`)
  return createServer((request, response) => {
    if (request.method === 'GET' && request.url === '/metrics') {
      parts.metrics().then(
        (page) => response.writeHead(200, { 'content-type': METRICS_TYPE }).end(page),
        () => response.writeHead(500).end(),
      )
      return
    }
    answer(request, parts, expected).then(
      ([status, body]) => send(response, status, 'application/json', body),
      (error: unknown) => {
        const problem =
          error instanceof BanyanError
            ? error
            : new BanyanError('BAD_REQUEST', { reason: (error as Error).message })
        send(response, problem.status, PROBLEM_TYPE, problem.toProblem())
      },
    )
  })
}

async function answer(
  request: IncomingMessage,
  parts: AdminParts,
  expected: Buffer,
): Promise<[status: number, body: unknown]> {
  if (!timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) {
    throw new BanyanError('UNAUTHORISED')
  }
  const url = new URL(request.url!, 'http://admin')
  const { pathname } = url
  switch (`${request.method} ${pathname}`) {
    case 'GET /health': {
      const health = parts.health()
      return [health.ok ? 200 : 503, health]
    }
    case 'GET /stats':
      return [200, await parts.stats()]
    case 'PUT /table': {
      const given = url.searchParams.get('drainMs') ?? '0'
      const drainMs = Number(given)
      if (!(drainMs >= 0 && drainMs <= DRAIN_MS)) {
        throw invalid(`drainMs must be 0 to ${DRAIN_MS}, given "${given}".`)
      }
      const only = url.searchParams.get('extraction')
      return [200, await parts.takeTable(parseRouteTable(await json(request)), drainMs, only)]
    }
    default:
      throw invalid(
        `${request.method} ${pathname} is not PUT /table, GET /stats, GET /health or GET /metrics.`,
      )
  }
}

async function json(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > TABLE_BYTES) throw invalid(`A table may have ${TABLE_BYTES} bytes at most.`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw invalid('The body is not JSON.')
  }
}

function send(response: ServerResponse, status: number, type: string, body: unknown): void {
  response.writeHead(status, { 'content-type': type })
  response.end(JSON.stringify(body))
}

/** Of equal length whatever is given, as a comparison in constant time needs. */
function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}

function invalid(reason: string): BanyanError {
  return new BanyanError('BAD_REQUEST', { reason })
}
