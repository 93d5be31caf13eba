import type { ServerResponse } from 'node:http'
import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { expect, it } from 'vitest'
import type { GatewayOptions } from './index.ts'
import { ALL, hold, RawClient, raw, startGateway, table, until, upstream } from './testing.ts'

type Line = Record<string, unknown>

/** A gateway whose table sends "things" to the service, and what it logged. */
async function observed(options: Partial<GatewayOptions> = {}, handler?: Answer) {
  const monolith = await upstream('monolith', handler)
  const service = await upstream('service', handler)
  const text: string[] = []
  const started = await startGateway({
    monolith: monolith.url,
    table: table(monolith.url, service.url, 1, { targetBuckets: ALL }),
    writeAccess: (lines) => text.push(...lines.trimEnd().split('\n')),
    ...options,
  })
  const lines = () => text.map((line) => JSON.parse(line) as Line)
  const logged = async (count: number) => {
    await until(() => text.length >= count)
    return lines()
  }
  const metrics = async () =>
    (await fetch(`http://127.0.0.1:${started.gateway.adminPort}/metrics`)).text()
  return { ...started, ...{ monolith, service, text, lines, logged, metrics } }
}
type Answer = (seen: { url: string; method: string }, response: ServerResponse) => void

const ANN = { 'x-subject': 'ann' }

it('logs a line for each request: what it was about and what came of it, and not who asked', async () => {
  const { url, logged, text } = await observed()
  const headers = { ...ANN, 'x-correlation-id': 'c-1', authorization: 'Bearer hidden' }
  await fetch(`${url}/api/things/7?token=hidden`, { method: 'POST', headers, body: 'hidden' })
  await fetch(`${url}/reset/hidden?token=hidden`)
  const [moved, other] = await logged(2)
  expect(moved).toMatchObject({
    ...{ gateway: 'test', msg: 'request', method: 'POST', extraction: 'things' },
    ...{ route: '/api/things/*', side: 'target', status: 200, bytesIn: 6, correlationId: 'c-1' },
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
  })
  expect(moved!.bytesOut).toBeGreaterThan(20)
  expect(moved!.bucketGroup).toBeOneOf(Array.from({ length: 16 }, (_, i) => i))
  expect(moved!.ms).toBeGreaterThanOrEqual(moved!.upstreamMs as number)
  expect(other).toMatchObject({ method: 'GET', side: 'source', status: 200 })
  expect(other).not.toHaveProperty('route')
  expect(text.join('')).not.toMatch(/hidden|ann/)
})

it('names the path where it is asked to, and never the query', async () => {
  const { url, logged } = await observed({ accessLog: { paths: true } })
  await fetch(`${url}/api/things/7?token=hidden`, { headers: ANN })
  expect(await logged(1)).toMatchObject([{ path: '/api/things/7' }])
})

it('logs what was refused, failed or left although nothing else is logged', async () => {
  const asked: string[] = []
  const { url, logged, admin, monolith, service } = await observed(
    { accessLog: { share: 0 } },
    ({ url: path }, response) => {
      asked.push(path)
      if (path === '/hang') return
      if (path === '/half') {
        response.writeHead(200, { 'content-length': '10' }).write('half')
        setImmediate(() => response.destroy())
        return
      }
      response.statusCode = path === '/broken' ? 500 : 200
      response.end()
    },
  )
  const get = (path: string) => fetch(url + path, { headers: ANN }).then((answer) => answer.text())
  await get('/fine')
  await get('/broken')
  await get('/half').catch(() => {})
  const leaving = await RawClient.connect(url)
  leaving.send('GET /hang HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => asked.includes('/hang'))
  leaving.socket.destroy()
  await logged(3)
  await raw(url, 'GET /two HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n')
  const held = { targetBuckets: ALL, hold: hold(0, true) }
  await admin('PUT', '/table', table(monolith.url, service.url, 2, held))
  await get('/api/things')
  expect(await logged(5)).toMatchObject([
    { status: 500, side: 'source' },
    { status: 502, side: 'source' },
    { status: 0, side: 'source', left: true },
    { status: 400, side: 'none', refused: 'BAD_REQUEST' },
    { status: 503, side: 'none', refused: 'HELD_TOO_LONG', route: '/api/things' },
  ])
})

it('tells Prometheus of requests by route, side and group of buckets, and of the rest of its state', async () => {
  const { url, metrics, logged } = await observed({
    limits: {
      rules: [{ name: 'few', paths: ['/few'], per: 'address', requests: 1, seconds: 60 }],
    },
  })
  for (const path of ['/api/things', '/api/things/7', '/api/things/8', '/other', '/few', '/few']) {
    await fetch(url + path, { headers: ANN })
  }
  await logged(6)
  const page = await metrics()
  const labels = 'extraction="things",route="/api/things/*",access="read",side="target"'
  expect(page).toContain(`banyan_gateway_requests_total{${labels},status="200"} 2\n`)
  expect(page).toContain(`banyan_gateway_request_duration_seconds_bucket{${labels},le="+Inf"} 2\n`)
  expect(page).toMatch(/banyan_gateway_request_duration_seconds_sum\{.*\} 0\.\d+/)
  expect(page).toMatch(
    /banyan_gateway_bucket_group_duration_seconds_count\{extraction="things",side="target",bucket_group="\d+"\} 3\n/,
  )
  expect(page).toContain('banyan_gateway_refusals_total{code="TOO_MANY_REQUESTS"} 1\n')
  expect(page).toContain('banyan_gateway_limited_requests_total{rule="few",verdict="refused"} 1\n')
  expect(page).toMatch(/banyan_gateway_upstream_connections\{upstream=".*",state="open"\} 1\n/)
  expect(page).toMatch(/banyan_gateway_client_connections [1-9]/)
  expect(page).toContain('banyan_gateway_table_version 1\n')
  expect(page).toContain('banyan_gateway_serving_moved_routes 1\n')
  expect(page).toContain('nodejs_eventloop_lag_seconds')
})

it('makes a span of each request beneath that of its client, and the upstream’s beneath its own', async () => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const tracer = provider.getTracer('test')
  const { url, service, logged } = await observed({
    startSpan: (name, parent, options) =>
      tracer.startSpan(
        name,
        options,
        parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT,
      ),
  })
  const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
  const headers = { ...ANN, traceparent: `00-${traceId}-${spanId}-01` }
  await fetch(`${url}/api/things`, { headers })
  await fetch(`${url}/api/things`, { headers: ANN })
  const lines = await logged(2)
  const [under, root] = exporter.getFinishedSpans()
  expect(under!.name).toBe('GET /api/things')
  expect(under!.spanContext().traceId).toBe(traceId)
  expect(under!.parentSpanContext?.spanId).toBe(spanId)
  expect(under!.attributes).toMatchObject({
    'http.response.status_code': 200,
    'banyan.side': 'target',
  })
  expect(service.seen[0]!.headers.traceparent).toBe(
    `00-${traceId}-${under!.spanContext().spanId}-01`,
  )
  expect(root!.parentSpanContext).toBeUndefined()
  expect(lines[1]!.traceId).toBe(root!.spanContext().traceId)
})
