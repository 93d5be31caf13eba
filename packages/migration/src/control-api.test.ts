import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPool, EmbeddedPostgres, freePort } from '@banyan/postgres'
import { createLog } from '@banyan/service/http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient } from './control-client.ts'
import { controlStatus, extractionStatus, ledgerAnswer, whyAnswer } from './control-schemas.ts'
import { type RunningEngine, startEngine } from './engine.ts'
import type { Plan } from './plan.ts'
import type { ControlEvent } from './status.ts'

/* The engine alone: neither the monolith nor the service of its plan is there. */

const TOKEN = 'a-control-token-for-tests'

let server: EmbeddedPostgres
let plan: Plan
let engine: RunningEngine
const lines: string[] = []

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  const nowhere = `127.0.0.1:${await freePort()}`
  const side = { url: `http://${nowhere}`, databaseUrl: `postgres://app:hunter2@${nowhere}/app` }
  plan = {
    control: { databaseUrl: await server.createDatabase('control'), token: TOKEN },
    monolith: side,
    gateway: { port: 0, identityKey: 'an-identity-key-for-tests', auth: { kind: 'none' } },
    extractions: [
      {
        name: 'things',
        service: side,
        routes: [{ methods: [], path: '/things' }],
        tables: [{ source: 'public.things', target: 'public.things', owner: 'owner' }],
      },
    ],
  }
  const log = createLog('engine', 'info', (line) => lines.push(line))
  engine = await startEngine(plan, { log, port: 0 })
})
afterAll(async () => {
  await engine?.close()
  await server?.stop()
})

interface Asking {
  readonly method?: string
  readonly body?: string
  readonly headers?: Record<string, string>
  readonly token?: string | null
}

async function ask(path: string, { method, body, headers, token = TOKEN }: Asking = {}) {
  const answer = await fetch(engine.url + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  })
  const text = await answer.text()
  const type = answer.headers.get('content-type') ?? ''
  const json = type.includes('json') ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { status: answer.status, headers: answer.headers, type, text, json }
}

describe('who may ask', () => {
  it.each(['/v1/status', '/v1/events', '/v1/extractions/things', '/v1/nothing', '/v1'])(
    '%s is refused without the token, and with a wrong one',
    async (path) => {
      for (const token of [null, 'x', `${TOKEN}x`, TOKEN.replace(/.$/, 'x')]) {
        const { status, type, json } = await ask(path, { token })
        expect({ status, type, code: json.code }).toEqual({
          status: 401,
          type: 'application/problem+json',
          code: 'UNAUTHORISED',
        })
      }
    },
  )

  it.each(['/health', '/health/live', '/health/ready', '/metrics', '/openapi.json', '/docs/'])(
    '%s is for probes and collectors',
    async (path) => {
      expect((await ask(path, { token: null })).status).toBe(200)
    },
  )
})

describe('what is refused', () => {
  const promote = '/v1/extractions/things/promote'

  it.each([
    ['an unknown path', '/v1/nothing', {}, 404, 'NOT_FOUND'],
    ['an unknown extraction', '/v1/extractions/nothing', {}, 404, 'NO_SUCH_EXTRACTION'],
    ['an unknown action', '/v1/extractions/things/jump', { body: '{}' }, 400, 'VALIDATION'],
    ['an unknown member', promote, { body: '{"percnt":3}' }, 400, 'VALIDATION'],
    ['a number that is none', promote, { body: '{"percent":"3"}' }, 400, 'VALIDATION'],
    ['JSON that is none', promote, { body: '{' }, 400, 'BAD_REQUEST'],
    [
      'another type',
      promote,
      { body: 'x', headers: { 'content-type': 'text/plain' } },
      415,
      'UNSUPPORTED_TYPE',
    ],
    ['too much', promote, { body: `{"why":"${'x'.repeat(70_000)}"}` }, 413, 'TOO_LARGE'],
    ['a wrong phase', promote, { body: '{}' }, 409, 'WRONG_PHASE'],
    ['a wrong phase without a body', promote, { method: 'POST' }, 409, 'WRONG_PHASE'],
    [
      'a gateway nobody knows',
      '/v1/gateways/x/renew',
      { body: '{"version":0}' },
      404,
      'NO_SUCH_GATEWAY',
    ],
    ['an entry before the first', '/v1/extractions/things/ledger?after=-1', {}, 400, 'VALIDATION'],
  ])('%s: a problem of the catalogue', async (_, path, asking, status, code) => {
    const answer = await ask(path, asking)
    expect(answer).toMatchObject({
      status,
      type: 'application/problem+json',
      json: { code, status },
    })
  })
})

it('its OpenAPI document has a schema for each answer, which real answers fit', async () => {
  const { paths } = (await ask('/openapi.json')).json as {
    paths: Record<string, Record<string, { responses: Record<string, { content?: object }> }>>
  }
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { responses }]) => ({
      route: `${method} ${path}`,
      described: Object.entries(responses).every(([status, { content }]) => {
        return status === '204' || content !== undefined
      }),
    })),
  )
  expect(routes.length).toBeGreaterThanOrEqual(10)
  const undescribed = routes.filter(({ described }) => !described).map(({ route }) => route)
  expect(undescribed).toEqual([])
  for (const [path, schema] of [
    ['/v1/status', controlStatus],
    ['/v1/extractions/things', extractionStatus],
    ['/v1/extractions/things/why', whyAnswer],
    ['/v1/extractions/things/ledger', ledgerAnswer],
  ] as const) {
    const { json } = await ask(path)
    expect(schema.parse(json), path).toEqual(json)
  }
})

it('tells its figures to Prometheus', async () => {
  const { text, type } = await ask('/metrics', { token: null })
  expect(type).toContain('text/plain')
  const labels = 'extraction="things"'
  for (const line of [
    `banyan_extraction_phase{${labels},phase="planned",service="engine"} 1`,
    `banyan_extraction_phase{${labels},phase="canary",service="engine"} 0`,
    `banyan_extraction_target_share{${labels},service="engine"} 0`,
    `banyan_extraction_divergent_rows{${labels},service="engine"} 0`,
    `banyan_extraction_stream_lag_bytes{${labels},stream="reverse",service="engine"} 0`,
    `banyan_extraction_hold_seconds{${labels},quantile="0.99",service="engine"} 0`,
    `http_requests_total`,
  ]) {
    expect(text).toContain(line)
  }
  // A lag that nobody has measured is not 0.
  expect(text).not.toContain('stream_lag_seconds{')
})

it('logs each decision as JSON, under the correlation id that came, and no secret', async () => {
  const headers = { 'x-correlation-id': 'ticket-4711' }
  const answer = await ask('/v1/extractions/things/throttle?token=hunter2', {
    body: '{"rowsPerSecond":5}',
    headers,
  })
  expect(answer.status).toBe(202)
  expect(answer.headers.get('x-correlation-id')).toBe('ticket-4711')
  const logged = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  await until(() => logged().some((line) => line.correlationId === 'ticket-4711'))
  expect(logged().find((line) => line.correlationId === 'ticket-4711')).toMatchObject({
    service: 'engine',
    level: 'info',
    method: 'POST',
    path: '/v1/extractions/things/throttle',
    status: 202,
  })
  expect(lines.join('')).not.toMatch(new RegExp(`hunter2|${TOKEN}`))
})

it('is ready without the sides, and says that they are away', async () => {
  const { status, json } = await ask('/health/ready')
  expect(status).toBe(200)
  expect(json).toMatchObject({
    status: 'ready',
    checks: [
      { name: 'control', ok: true, required: true },
      { name: 'source', ok: false, required: false },
      { name: 'target of things', ok: false, required: false },
    ],
  })
  expect(JSON.stringify(json)).not.toContain('hunter2')
})

it('tells all who follow of the state and of each entry, and lets them go when it ends', async () => {
  const other = await startEngine(plan, { log: createLog('engine', 'silent'), port: 0 })
  const control = new ControlClient({ urls: [other.url], token: TOKEN })
  const leaving = new AbortController()
  const heard: ControlEvent[][] = [[], []]
  let lost = 0
  const following = heard.map(async (events) => {
    for await (const event of control.follow(leaving.signal, () => lost++)) events.push(event)
  })
  await until(() => heard.every((events) => events.some(({ event }) => event === 'status')))
  await control.act('things', 'throttle', { rowsPerSecond: 7, by: 'ada' })
  await until(() => heard.every((events) => events.some(({ event }) => event === 'ledger')))
  for (const events of heard) {
    expect(events.find(({ event }) => event === 'ledger')!.data).toMatchObject({
      what: 'throttle',
      detail: { by: 'ada', rowsPerSecond: 7 },
    })
  }
  await until(() =>
    heard.every((events) =>
      events.some(
        (told) =>
          told.event === 'status' && told.data.extractions[0]!.copy.throttle.rowsPerSecond === 7,
      ),
    ),
  )
  await other.close()
  await until(() => lost === 2)
  leaving.abort()
  await Promise.allSettled(following)
})

it('goes on with the trace that came, down to its statements', async () => {
  const spans: { name: string; traceId: string }[] = []
  const collector = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString())
    for (const { scopeSpans } of resourceSpans)
      for (const one of scopeSpans) spans.push(...one.spans)
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const tracesUrl = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
  const log = createLog('engine', 'silent')
  const other = await startEngine(plan, { log, port: 0, tracesUrl })
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  await fetch(`${other.url}/v1/extractions/things`, {
    headers: {
      authorization: `Bearer ${TOKEN}`,
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    },
  })
  await other.close()
  await new Promise((resolve) => collector.close(resolve))
  const own = spans.filter((span) => span.traceId === traceId).map(({ name }) => name)
  expect(own).toEqual(expect.arrayContaining(['GET /v1/extractions/:name', 'SELECT']))
})

it('is not ready without its control database, and answers so', async () => {
  await server.kill()
  expect((await ask('/health/ready')).status).toBe(503)
  expect((await ask('/health/live')).status).toBe(200)
  const { status, json, headers } = await ask('/v1/status')
  expect({ status, code: json.code }).toEqual({ status: 503, code: 'UNAVAILABLE' })
  expect(headers.get('retry-after')).toBe('1')
  expect((await ask('/metrics')).text).toContain('http_requests_total')
  await server.start()
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe('the monolith', () => {
  const retire = (body: object) => ask('/v1/retire', { body: JSON.stringify(body) })
  const retired = async () => (await ask('/v1/status')).json.retired

  it('is retired when every extraction is completed, and not before; and taken back', async () => {
    const early = await retire({ by: 'ada' })
    expect(early.json).toMatchObject({ code: 'RETIRE_REFUSED', status: 409 })
    expect(early.json.detail).toContain('things is planned')
    expect(await retired()).toBe(undefined)

    const pool = createPool(plan.control.databaseUrl, { name: 'test', max: 1 })
    const phase = (name: string) =>
      pool.query('UPDATE banyan_control.extraction SET phase = $1', [name])
    await phase('completed')
    expect((await retire({ by: 'ada', why: 'all has moved' })).json).toMatchObject({
      retired: true,
    })
    expect(await retired()).toBe(true)
    // As one that came into the plan since.
    await phase('planned')
    const start = await ask('/v1/extractions/things/start', { body: '{}' })
    expect(start.json).toMatchObject({ code: 'MONOLITH_RETIRED', status: 409 })
    await phase('completed')
    await pool.end()
    expect((await retire({ undo: true, by: 'ada' })).json).toMatchObject({ retired: false })
    expect(await retired()).toBe(undefined)
    const { json } = await ask('/v1/ledger')
    expect(json).toMatchObject({ verified: true })
    expect((json.entries as object[]).slice(-2)).toMatchObject([
      { what: 'retire', detail: { by: 'ada', why: 'all has moved' } },
      { what: 'retire undone', detail: { by: 'ada' } },
    ])
  })
})
