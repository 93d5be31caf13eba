import { BucketSet } from '@banyan/contracts'
import { createGateway } from '@banyan/gateway'
import { EmbeddedPostgres } from '@banyan/postgres'
import { startService } from '@banyan/service'
import { Tracing } from '@banyan/service/http'
import {
  type CollectedSpan,
  eventually,
  IDENTITY_KEY,
  startCollector,
} from '@banyan/service/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { orders, stock } from './testing/services.ts'
import { pageOf } from './traces/page.ts'
import { tracesOf } from './traces/picture.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server?.stop())

const CLIENT = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }

/** What one order leaves behind, read when all processes have stopped: that sends their last spans. */
async function spansOfAnOrder(): Promise<readonly CollectedSpan[]> {
  const collector = await startCollector()
  const common = {
    PORT: '0',
    BANYAN_IDENTITY_KEY: IDENTITY_KEY,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    LOG_LEVEL: 'silent',
  }
  const shelf = await startService(stock, {
    env: { ...common, DATABASE_URL: await server.createDatabase('stock') },
  })
  const desk = await startService(orders, {
    env: {
      ...common,
      DATABASE_URL: await server.createDatabase('orders'),
      BUS_URL: await server.createDatabase('bus'),
      STOCK_URL: shelf.url,
    },
  })
  // As `banyan gateway` does it.
  const tracing = await Tracing.open('gateway', collector.url)
  const gateway = createGateway({
    id: 'traced',
    listen: { port: 0 },
    admin: { port: 0, token: 'a-token-of-this-test' },
    monolith: shelf.url,
    identityKey: IDENTITY_KEY,
    auth: { kind: 'header', name: 'x-subject' },
    table: {
      token: 1,
      version: 1,
      monolith: shelf.url,
      extractions: [
        {
          extraction: 'orders',
          target: desk.url,
          routes: [{ methods: [], path: '/v1/orders' }],
          targetBuckets: BucketSet.all.toString(),
          hold: null,
          shadow: null,
        },
      ],
    },
    startSpan: (...span) => tracing.start(...span),
    // What is slow on a busy machine is to be traced all the same.
    timeouts: { answerMs: 60_000 },
    logLevel: 'silent',
  })
  await gateway.listen()
  const answer = await fetch(`http://127.0.0.1:${gateway.publicPort}/v1/orders`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-subject': 'ada',
      traceparent: `00-${CLIENT.traceId}-${CLIENT.spanId}-01`,
    },
    body: '{}',
  })
  expect(answer.status).toBe(200)
  const { pool } = desk.context
  await eventually('the saga is over', async () => {
    const { rows } = await pool.query(`SELECT FROM orders_durable.saga WHERE state = 'completed'`)
    return rows.length === 1
  })
  await eventually('the order is billed', async () => {
    const { rows } = await pool.query('SELECT FROM orders_durable.inbox_seen')
    return rows.length === 1
  })
  await gateway.close()
  await Promise.all([desk.stop(), shelf.stop(), tracing.close()])
  await collector.close()
  return collector.spans.filter(({ traceId }) => traceId === CLIENT.traceId)
}

it('one trace leads from the gateway to the service, what that calls, the event and the saga', async () => {
  const spans = await spansOfAnOrder()
  const named = (service: string, name: string) => {
    // Of a step that was tried again there are several, beneath one parent.
    const found = spans.filter((span) => span.service === service && span.name === name)
    const parents = new Set(found.map(({ parentSpanId }) => parentSpanId))
    expect(parents.size, `${service}: ${name}`).toBe(1)
    return found[0]!
  }
  const parentOf = (service: string, name: string) => named(service, name).parentSpanId
  const request = named('orders', 'POST /v1/orders').spanId
  expect(parentOf('gateway', 'POST /v1/orders')).toBe(CLIENT.spanId)
  expect(parentOf('orders', 'POST /v1/orders')).toBe(named('gateway', 'POST /v1/orders').spanId)
  expect(parentOf('orders', 'stock.getItem')).toBe(request)
  expect(parentOf('stock', 'GET /v1/items/:id')).toBe(named('orders', 'stock.getItem').spanId)
  expect(parentOf('orders', 'orders.bill order.placed')).toBe(request)
  for (const step of ['delivery.load', 'delivery.drive']) {
    expect(parentOf('orders', step)).toBe(request)
  }
  // Of all of it, only the client's own span is not ours.
  const ids = new Set(spans.map(({ spanId }) => spanId))
  expect(spans.filter(({ parentSpanId }) => !ids.has(parentSpanId!))).toEqual([
    named('gateway', 'POST /v1/orders'),
  ])
  // The picture: what was set off stands beneath what set it off, the gateway's span first.
  const [trace, ...others] = tracesOf(spans)
  expect(others).toEqual([])
  const place = (of: string, what: string) =>
    trace!.bars.find(({ service, name }) => service === of && name === what)?.depth
  expect(trace!.bars).toHaveLength(spans.length)
  expect(trace!.bars[0]).toMatchObject({ service: 'gateway', name: 'POST /v1/orders', depth: 0 })
  expect(place('orders', 'POST /v1/orders')).toBe(1)
  expect(place('stock', 'GET /v1/items/:id')).toBe(3)
  expect(place('orders', 'orders.bill order.placed')).toBe(2)
  expect(place('orders', 'delivery.drive')).toBe(2)
  const page = pageOf(spans)
  expect(page.match(/<tr><td>/g)).toHaveLength(spans.length)
  expect(page).toContain('orders.bill order.placed')
})
