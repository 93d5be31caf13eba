/** Two sagas of rows and calls: one goes through, the other is refused at its last step and undone. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Queryable } from '@banyan/postgres'
import { z } from 'zod'
import type { Durable } from '../durable.ts'
import { Unprocessable } from '../retry.ts'
import { defineSaga } from '../saga/definition.ts'
import { SagaRunner } from '../saga/runner.ts'
import { type CutActor, LEASE_MS } from './cuts.ts'
import { compare, createEffects, effectsOf } from './effects.ts'

const write = (tx: Queryable, key: string, n: number) =>
  tx.query('INSERT INTO public.effect (key, n) VALUES ($1, $2)', [key, n])

/** Outside, where every call is known by its key: the second one with it changes nothing. */
const call = ({ pool }: Durable, idempotencyKey: string) =>
  pool.query('INSERT INTO public.call (key) VALUES ($1) ON CONFLICT DO NOTHING', [idempotencyKey])

const define = (durable: Durable) =>
  defineSaga({
    name: 'cut',
    version: 1,
    input: z.object({ key: z.string() }),
    timeoutMs: 600_000,
    steps: (saga) =>
      saga
        .step('first row', {
          transact: async ({ input }, tx) => {
            await write(tx, input.key, 1)
          },
          compensate: async ({ input }, tx) => {
            await write(tx, input.key, -1)
          },
        })
        .step('call', {
          invoke: async ({ idempotencyKey }) => {
            await call(durable, idempotencyKey)
            return idempotencyKey
          },
          compensate: async ({ idempotencyKey }) => {
            await call(durable, `undo ${idempotencyKey}`)
          },
        })
        .step('second row', {
          transact: async ({ input, outputs }, tx) => {
            if (!outputs.call.endsWith('/call')) throw new Unprocessable('an answer is lost')
            await write(tx, input.key, 2)
          },
          compensate: async ({ input }, tx) => {
            await write(tx, input.key, -2)
          },
        })
        .step('last call', {
          invoke: async ({ input }) => {
            if (input.key === 'refused') throw new Unprocessable('not this one')
          },
        }),
  })

const actor: CutActor = {
  async seed(durable) {
    await createEffects(durable.pool)
    await durable.pool.query('CREATE TABLE public.call (key text PRIMARY KEY)')
    const saga = define(durable)
    const wanted = ['through', 'refused'].map((key) => ({ input: { key }, key }))
    await durable.sagas.startMany(durable.pool, saga, wanted)
  },

  async run(durable) {
    const sagas = [define(durable)]
    const runner = new SagaRunner({ durable, sagas, concurrency: 1, leaseMs: LEASE_MS })
    for (;;) {
      const { rows } = await durable.pool.query(
        'SELECT FROM durable.saga WHERE ended_at IS NULL LIMIT 1',
      )
      if (rows.length === 0) return
      if (!(await runner.pass())) await delay(20)
    }
  },

  async check({ pool, sagaAdmin }) {
    const total = { lost: 0, doubled: 0, disordered: 0 }
    const expected = { through: [1, 2], refused: [1, 2, -2, -1] }
    const states = { through: 'completed', refused: 'compensated' }
    for (const { id, key, state } of await sagaAdmin.list()) {
      const name = key as keyof typeof expected
      const came = await effectsOf(pool, name)
      const { lost, doubled } = compare(came, expected[name])
      total.lost += lost + (state === states[name] ? 0 : 1)
      total.doubled += doubled
      if (lost + doubled === 0 && came.join() !== expected[name].join()) total.disordered++
      const calls = name === 'refused' ? [`${id}/call`, `undo ${id}/call`] : [`${id}/call`]
      const { rows } = await pool.query<{ key: string }>('SELECT key FROM public.call')
      const made = new Set(rows.map((row) => row.key))
      total.lost += calls.filter((each) => !made.has(each)).length
      if (name === 'through' && made.has(`undo ${id}/call`)) total.doubled++
    }
    return total
  },
}

export default actor
