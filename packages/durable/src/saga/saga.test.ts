import { createPool, EmbeddedPostgres, type Pool, transaction } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { type Durable, openDurable } from '../durable.ts'
import { defineSaga } from './definition.ts'
import { SagaRunner } from './runner.ts'

let server: EmbeddedPostgres
let pool: Pool
let durable: Durable
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  pool = createPool(server.url(), { name: 'saga test', max: 10 })
  durable = await openDurable(pool)
  await pool.query('CREATE TABLE public.effect (what text)')
})
afterAll(async () => {
  await durable.close()
  await pool.end()
  await server.stop()
})

const saga = defineSaga({
  name: 'order',
  version: 1,
  input: z.object({ order: z.string() }),
  steps: (saga) =>
    saga
      .step('reserve', {
        transact: async ({ input }, tx) => {
          await tx.query('INSERT INTO public.effect VALUES ($1)', [`reserve ${input.order}`])
          return { place: 7 }
        },
        compensate: async ({ output }, tx) => {
          await tx.query('INSERT INTO public.effect VALUES ($1)', [`release ${output?.place}`])
        },
      })
      .step('charge', {
        invoke: async ({ outputs, idempotencyKey }) => `${outputs.reserve.place} ${idempotencyKey}`,
      })
      .step('ship', { invoke: async ({ outputs }) => outputs.charge.length }),
})

it('runs', async () => {
  const runner = new SagaRunner({ durable, sagas: [saga], onProblem: console.error })
  runner.start()
  const { id } = await transaction(pool, (tx) => durable.sagas.start(tx, saga, { order: 'a' }))
  await expect.poll(async () => (await durable.sagaAdmin.show(id)).state).toBe('completed')
  console.log(await durable.sagaAdmin.show(id))
  await runner.stop()
})
