import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { SagaRunner } from './saga/runner.ts'
import { defineJob } from './schedule/definition.ts'
import { Scheduler } from './schedule/scheduler.ts'
import { defineParcelSaga } from './testing/parcel-saga.ts'
import { createStore, type Store, until } from './testing/store.ts'

let server: EmbeddedPostgres
let store: Store
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  store = await createStore(server)
})
afterAll(async () => {
  await store.close()
  await server.stop()
})

const EACH = 300

it('goes on after a crash of the database in the middle, with each row of sagas and jobs once', async () => {
  const { durable, pool } = store
  const saga = defineParcelSaga('restarted')
  const job = defineJob({
    name: 'restarted job',
    payload: z.object({ n: z.number() }),
    run: async ({ payload }, tx) => {
      await tx.query(`INSERT INTO public.effect (key, n) VALUES ('job', $1)`, [payload.n])
    },
  })
  const numbers = Array.from({ length: EACH }, (_, n) => n)
  await durable.sagas.startMany(
    pool,
    saga,
    numbers.map((n) => ({ input: { parcel: `parcel ${n}` } })),
  )
  await durable.jobs.addMany(
    pool,
    job,
    numbers.map((n) => ({ waitMs: 0, payload: { n } })),
  )
  const runner = new SagaRunner({ durable, sagas: [saga], groupSize: 20, leaseMs: 2_000 })
  const scheduler = new Scheduler({ durable, jobs: [job], groupSize: 20, silenceMs: 2_000 })
  runner.start()
  scheduler.start()
  try {
    await until('both are at it', () => {
      return runner.status().stepsDone > 40 && scheduler.status().jobsDone > 40
    })
    await server.kill()
    await server.start()
    await until('everything is done', async () => {
      const open = `SELECT FROM durable.saga WHERE ended_at IS NULL
        UNION ALL SELECT FROM durable.job LIMIT 1`
      const answer = await pool.query(open).catch(() => null)
      return answer?.rowCount === 0
    })
  } finally {
    await runner.stop(0)
    await scheduler.stop(0)
  }
  const { rows } = await pool.query<{ key: string; n: number }>('SELECT key, n FROM public.effect')
  const jobs = rows.filter(({ key }) => key === 'job').map(({ n }) => n)
  expect(jobs.sort((a, b) => a - b)).toEqual(numbers)
  const steps = rows.filter(({ key }) => key !== 'job').map(({ key, n }) => `${key} step ${n}`)
  expect(new Set(steps).size).toBe(2 * EACH)
  expect(steps).toHaveLength(2 * EACH)
})
