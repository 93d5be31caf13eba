import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineJob, defineSaga, defineSchedule } from '@banyan/durable'
import { EmbeddedPostgres } from '@banyan/postgres'
import { pgSchema, text } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import {
  currentScope,
  defineApi,
  defineService,
  type ServiceContext,
  startService,
  type Tables,
} from './index.ts'
import { startCollector } from './testing/collector.ts'
import { ask, eventually, IDENTITY_KEY } from './testing/requests.ts'

const happened: string[] = []
/** Of the calls that the hotels were made. */
const calls: IncomingHttpHeaders[] = []

const hotelsApi = defineApi({
  name: 'hotels',
  prefix: '/v1/rooms',
  routes: {
    book: {
      method: 'PUT',
      path: '/:town',
      params: z.object({ town: z.string() }),
      response: { 200: z.object({}) },
    },
  },
})
type Context = ServiceContext<object, Tables, { hotels: typeof hotelsApi }>

const tripSaga = ({ clients }: Context) =>
  defineSaga({
    name: 'trip',
    version: 1,
    input: z.object({ to: z.string() }),
    steps: (saga) =>
      saga.step('book', {
        async invoke({ input, signal }) {
          await clients.hotels.book({ params: { town: input.to } }, { signal })
        },
      }),
  })
const reminder = defineJob({
  name: 'reminder',
  payload: z.string(),
  async run({ payload }) {
    happened.push(`${payload} ${currentScope()?.correlationId}`)
  },
})
const travel = defineService({
  name: 'travel',
  port: 0,
  title: 'Travel Service',
  dependencies: { hotels: hotelsApi },
  database: {
    tables: { trips: pgSchema('travel').table('trips', { id: text('id') }) },
    migrations: new URL('testing/no-migrations', import.meta.url),
  },
  routes: {
    '/v1/trips': (app, context) => {
      const trip = tripSaga(context)
      app.post('/:to', { config: { access: 'anybody' } }, async (request) => {
        const { to } = request.params as { to: string }
        await context.transaction(async (tx) => {
          await tx.startSaga(trip, { to })
          await tx.later(reminder, new Date(), `remember ${to}`)
          if (to === 'nowhere') throw new Error('no')
        })
        return {}
      })
    },
  },
  sagas: (context) => [tripSaga(context)],
  jobs: () => [reminder],
  schedules: () => [
    defineSchedule({
      name: 'tick',
      everyMs: 100,
      async run() {
        happened.push('tick')
      },
    }),
  ],
})

let server: EmbeddedPostgres
const hotels = createServer((request, response) => {
  if (request.method === 'PUT') calls.push(request.headers)
  response.setHeader('content-type', 'application/json').end('{}')
})
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  await new Promise<void>((resolve) => hotels.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  hotels.close()
  await server?.stop()
})

it('runs sagas, jobs and schedules by itself, and none of what was rolled back', async () => {
  const collector = await startCollector()
  const env = {
    PORT: '0',
    DATABASE_URL: await server.createDatabase('travel'),
    HOTELS_URL: `http://127.0.0.1:${(hotels.address() as AddressInfo).port}`,
    BANYAN_IDENTITY_KEY: IDENTITY_KEY,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    LOG_LEVEL: 'silent',
  }
  const service = await startService(travel, { env })
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const headers = {
    'x-correlation-id': 'c-1',
    traceparent: `00-${traceId}-b7ad6b7169203331-01`,
  }
  const go = (to: string) => ask(`${service.url}/v1/trips/${to}`, { method: 'POST', headers })
  expect((await go('nowhere')).status).toBe(500)
  expect((await go('rome')).status).toBe(200)
  for (const what of ['remember rome c-1', 'tick']) {
    await eventually(what, () => happened.includes(what))
  }
  await eventually('the room is booked', () => calls.length > 0)
  const { text } = await ask(`${service.url}/metrics`)
  expect(text).toMatch(/sagas_open\{saga="trip",state="stuck",service="travel"\} 0/)
  for (const [kind, source] of [
    ['saga', 'trip'],
    ['schedule', 'tick'],
    ['schedule', 'reminder'],
  ]) {
    expect(text).toContain(
      `background_dead_letters{kind="${kind}",source="${source}",service="travel"} 0`,
    )
  }
  await service.stop()
  await collector.close()
  expect(happened.filter((one) => one.includes('nowhere'))).toEqual([])

  // What a step calls is called for the request that started its saga, and in its trace.
  const spans = collector.spans.filter((span) => span.traceId === traceId)
  const idOf = (name: string) => spans.find((span) => span.name === name)?.spanId
  const parentOf = (name: string) => spans.find((span) => span.name === name)?.parentSpanId
  expect(calls).toHaveLength(1)
  expect(calls[0]).toMatchObject({
    'x-correlation-id': 'c-1',
    traceparent: `00-${traceId}-${idOf('hotels.book')}-01`,
  })
  expect(parentOf('hotels.book')).toBe(idOf('trip.book'))
  const asked = spans.filter(({ name }) => name === 'POST /v1/trips/:to').map((one) => one.spanId)
  expect(asked).toContain(parentOf('trip.book'))
  expect(asked).toContain(parentOf('reminder'))
})

it('needs a database for what must outlive its process', () => {
  const { database: _, ...rest } = travel
  expect(() => defineService(rest)).toThrow('need a database')
})
