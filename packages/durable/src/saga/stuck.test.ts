import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { Unprocessable } from '../retry.ts'
import { createStore, type Store, until } from '../testing/store.ts'
import { defineSaga } from './definition.ts'
import { SagaRunner } from './runner.ts'

let server: EmbeddedPostgres
let store: Store
let runner: SagaRunner
let undoes = 0
let works = false
const saga = defineSaga({
  name: 'sticky',
  version: 1,
  input: z.object({ n: z.number() }),
  steps: (steps) =>
    steps
      .step('first', {
        transact: async ({ input }, tx) => {
          await tx.query(`INSERT INTO public.effect (key, n) VALUES ('first', $1)`, [input.n])
        },
        compensate: async ({ input }, tx) => {
          await tx.query(`DELETE FROM public.effect WHERE key = 'first' AND n = $1`, [input.n])
        },
      })
      .step('call', {
        compensationRetry: { attempts: 3, firstMs: 5, maxMs: 5 },
        invoke: async () => ({ ticket: 't1' }),
        compensate: async ({ output }) => {
          undoes++
          if (!works) throw new Error(`cannot give back ${output?.ticket}`)
        },
      })
      .step('refused', {
        transact: async () => {
          throw new Unprocessable('not today')
        },
      }),
})

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  store = await createStore(server)
  runner = new SagaRunner({ durable: store.durable, sagas: [saga], pollMs: 20 })
  runner.start()
})
afterAll(async () => {
  await runner.stop(0)
  await store.close()
  await server.stop()
})

/** @returns the id of a saga whose compensation has failed as often as it may. */
async function stuck(n: number): Promise<string> {
  works = false
  undoes = 0
  const { id } = await store.durable.sagas.start(store.pool, saga, { n })
  await inState(id, 'stuck')
  return id
}
const inState = (id: string, state: string) =>
  until(`it is ${state}`, async () => (await store.durable.sagaAdmin.show(id)).state === state)
const rows = async (n: number) => {
  const text = `SELECT FROM public.effect WHERE key = 'first' AND n = $1`
  return (await store.pool.query(text, [n])).rowCount
}

it('is stuck when a compensation fails each time: listed, a dead letter, redriven, and ends', async () => {
  const { sagaAdmin, deadLetters } = store.durable
  const id = await stuck(1)
  expect(undoes).toBe(3)
  expect(await sagaAdmin.list({ state: 'stuck' })).toMatchObject([
    { id, name: 'sticky', step: 'call', attempts: 3, reason: expect.stringContaining('not today') },
  ])
  expect(await sagaAdmin.count()).toEqual([{ name: 'sticky', state: 'stuck', sagas: 1 }])
  const [letter] = await deadLetters.list({ kind: 'saga' })
  expect(letter).toMatchObject({
    source: 'sticky',
    subject: 'call',
    key: id,
    attempts: 3,
    error: 'Error: cannot give back t1',
    body: { input: { n: 1 } },
  })
  // What stands before the compensation that failed is not undone: the order is kept.
  expect(await rows(1)).toBe(1)
  works = true
  await deadLetters.redrive(letter!.id)
  await inState(id, 'compensated')
  expect(await sagaAdmin.count()).toEqual([])
  expect(await rows(1)).toBe(0)
  expect(await deadLetters.list({ kind: 'saga' })).toEqual([])
})

it('has all its attempts again when it is redriven too early, and is stuck again', async () => {
  const { sagaAdmin, deadLetters } = store.durable
  const id = await stuck(2)
  undoes = 0
  await sagaAdmin.redrive(id)
  await until('it is dead again', async () => {
    const letters = await deadLetters.list({ kind: 'saga' })
    return letters.some(({ key }) => key === id)
  })
  expect(undoes).toBe(3)
  expect(await deadLetters.list({ kind: 'saga' })).toHaveLength(1)
  works = true
  await sagaAdmin.redrive(id)
  await inState(id, 'compensated')
  expect(await deadLetters.list({ kind: 'saga' })).toEqual([])
  await expect(sagaAdmin.redrive(id)).rejects.toThrow(
    `"redrive" needs one of: stuck, blocked; saga ${id} is compensated.`,
  )
})

it('is abandoned when its dead letter is discarded, or when an operator says so', async () => {
  const { sagaAdmin, deadLetters } = store.durable
  const discarded = await stuck(3)
  const [letter] = await deadLetters.list({ kind: 'saga' })
  await deadLetters.discard(letter!.id)
  expect((await sagaAdmin.show(discarded)).state).toBe('abandoned')
  const abandoned = await stuck(4)
  await sagaAdmin.abandon(abandoned)
  expect((await sagaAdmin.show(abandoned)).state).toBe('abandoned')
  expect(await deadLetters.list({ kind: 'saga' })).toEqual([])
  expect(await rows(3)).toBe(1)
})
