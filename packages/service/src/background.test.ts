import { defineJob, defineSaga, defineSchedule } from '@banyan/durable'
import { EmbeddedPostgres } from '@banyan/postgres'
import { pgSchema, text } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { defineService, startService } from './index.ts'
import { ask, eventually, IDENTITY_KEY } from './testing/requests.ts'

const happened: string[] = []

const trip = defineSaga({
  name: 'trip',
  version: 1,
  input: z.object({ to: z.string() }),
  steps: (saga) =>
    saga.step('book', {
      async invoke({ input, headers }) {
        happened.push(`${input.to} ${headers['x-correlation-id']}`)
      },
    }),
})
const reminder = defineJob({
  name: 'reminder',
  payload: z.string(),
  async run({ payload }) {
    happened.push(payload)
  },
})
const travel = defineService({
  name: 'travel',
  port: 0,
  title: 'Travel Service',
  database: {
    tables: { trips: pgSchema('travel').table('trips', { id: text('id') }) },
    migrations: new URL('testing/no-migrations', import.meta.url),
  },
  routes: {
    '/v1/trips': (app, context) => {
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
  sagas: () => [trip],
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
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server?.stop())

it('runs sagas, jobs and schedules by itself, and none of what was rolled back', async () => {
  const env = {
    PORT: '0',
    DATABASE_URL: await server.createDatabase('travel'),
    BANYAN_IDENTITY_KEY: IDENTITY_KEY,
    LOG_LEVEL: 'silent',
  }
  const service = await startService(travel, { env })
  const go = (to: string) =>
    ask(`${service.url}/v1/trips/${to}`, { method: 'POST', headers: { 'x-correlation-id': 'c-1' } })
  expect((await go('nowhere')).status).toBe(500)
  expect((await go('rome')).status).toBe(200)
  for (const what of ['rome c-1', 'remember rome', 'tick']) {
    await eventually(what, () => happened.includes(what))
  }
  await service.stop()
  expect(happened.filter((one) => one.includes('nowhere'))).toEqual([])
})

it('needs a database for what must outlive its process', () => {
  const { database: _, ...rest } = travel
  expect(() => defineService(rest)).toThrow('need a database')
})
