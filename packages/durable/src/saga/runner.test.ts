import { EmbeddedPostgres, transaction } from '@banyan/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { Unprocessable } from '../retry.ts'
import { defineParcelSaga } from '../testing/parcel-saga.ts'
import { createStore, message, type Store, until } from '../testing/store.ts'
import { defineSaga } from './definition.ts'
import { SagaRunner, type SagaRunnerOptions } from './runner.ts'

let server: EmbeddedPostgres
let store: Store
const runners: SagaRunner[] = []
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  store = await createStore(server)
})
afterAll(async () => {
  await Promise.all(runners.map((runner) => runner.stop(0)))
  await store.close()
  await server.stop()
})

function run(sagas: SagaRunnerOptions['sagas'], more: Partial<SagaRunnerOptions> = {}) {
  const runner = new SagaRunner({ durable: store.durable, sagas, pollMs: 50, ...more })
  runners.push(runner)
  runner.start()
  return runner
}
const stateOf = async (id: string) => (await store.durable.sagaAdmin.show(id)).state
const inState = (id: string, state: string) =>
  until(`saga ${id} is ${state}`, async () => (await stateOf(id)) === state)
const effects = async (key: string) => {
  const text = 'SELECT n FROM public.effect WHERE key = $1 ORDER BY position'
  const { rows } = await store.pool.query<{ n: number }>(text, [key])
  return rows.map((row) => row.n)
}
const start = <Input>(
  ...[saga, input, options]: [
    Parameters<typeof store.durable.sagas.start<Input>>[1],
    Input,
    { key?: string; headers?: Record<string, string> }?,
  ]
) => transaction(store.pool, (tx) => store.durable.sagas.start(tx, saga, input, options))

it('runs what a committed transaction started, and nothing of one that was rolled back', async () => {
  const saga = defineParcelSaga('committed')
  const rolledBack = transaction(store.pool, async (tx) => {
    await store.durable.sagas.start(tx, saga, { parcel: 'rolled back' })
    throw new Error('no')
  })
  await expect(rolledBack).rejects.toThrow('no')
  const { id } = await start(saga, { parcel: 'committed' })
  run([saga])
  await inState(id, 'completed')
  expect(await effects('committed')).toEqual([1, 2])
  expect(await store.durable.sagaAdmin.list({ name: 'committed' })).toHaveLength(1)
})

it('is started once for each key, also by transactions side by side', async () => {
  const saga = defineParcelSaga('keyed')
  const all = await Promise.all(
    Array.from({ length: 8 }, () => start(saga, { parcel: 'keyed' }, { key: 'order 1' })),
  )
  expect(new Set(all.map(({ id }) => id)).size).toBe(1)
  expect(all.filter(({ started }) => started)).toHaveLength(1)
  run([saga])
  await inState(all[0]!.id, 'completed')
  expect(await effects('keyed')).toEqual([1, 2])
})

it('refuses input that does not fit, naming the field, or that the database cannot keep', async () => {
  const saga = defineParcelSaga('strict')
  const bad = start(saga, { parcel: 7 as unknown as string })
  await expect(bad).rejects.toThrow(/Saga "strict": parcel: .*expected string/)
  await expect(start(saga, { parcel: 'a\0' })).rejects.toThrow('NUL')
})

it('commits the rows of a step, its outbox messages and the record of the step together', async () => {
  let attempts = 0
  const saga = defineSaga({
    name: 'together',
    version: 1,
    input: z.null(),
    steps: (steps) =>
      steps.step('write', {
        transact: async (_, tx) => {
          await tx.query(`INSERT INTO public.effect (key, n) VALUES ('together', 1)`)
          await store.durable.outbox.write(tx, [message('together', 1)])
          if (++attempts < 3) throw new Error('not yet')
        },
      }),
  })
  const { id } = await start(saga, null)
  run([saga])
  await inState(id, 'completed')
  expect(attempts).toBe(3)
  expect(await effects('together')).toEqual([1])
  const { rows } = await store.pool.query(`SELECT FROM durable.outbox WHERE key = 'together'`)
  expect(rows).toHaveLength(1)
})

it('lets the neighbours of a failing step in one transaction pass', async () => {
  const saga = defineSaga({
    name: 'neighbours',
    version: 1,
    input: z.object({ n: z.number() }),
    steps: (steps) =>
      steps.step('write', {
        transact: async ({ input }, tx) => {
          await tx.query(`INSERT INTO public.effect (key, n) VALUES ('neighbours', $1)`, [input.n])
          if (input.n % 7 === 3) throw new Unprocessable('unlucky')
          // A statement that fails unnoticed spoils the transaction of all.
          if (input.n % 7 === 5) await tx.query('SELECT 1 / 0').catch(() => {})
        },
      }),
  })
  const inputs = Array.from({ length: 21 }, (_, n) => ({ input: { n } }))
  await store.durable.sagas.startMany(store.pool, saga, inputs)
  run([saga])
  await until('all have ended', async () => {
    const open = await store.durable.sagaAdmin.list({ name: 'neighbours' })
    return open.every(({ state }) => state === 'completed' || state === 'compensated')
  })
  const passed = inputs.map(({ input }) => input.n).filter((n) => n % 7 !== 3 && n % 7 !== 5)
  expect((await effects('neighbours')).sort((a, b) => a - b)).toEqual(passed)
})

it('registers a call before it is made, and makes it again with the same key', async () => {
  const seen: { key: string; registered: string | undefined; headers: unknown }[] = []
  const saga = defineSaga({
    name: 'registered',
    version: 1,
    input: z.null(),
    steps: (steps) =>
      steps.step('call', {
        invoke: async ({ sagaId, idempotencyKey, headers }) => {
          const { steps } = await store.durable.sagaAdmin.show(sagaId)
          seen.push({ key: idempotencyKey, registered: steps[0]?.state, headers })
          if (seen.length === 1) throw new Error('not yet')
        },
      }),
  })
  const { id } = await start(saga, null, { headers: { correlation: 'c1' } })
  run([saga])
  await inState(id, 'completed')
  const call = { key: `${id}/call`, registered: 'begun', headers: { correlation: 'c1' } }
  expect(seen).toEqual([call, call])
})

it('compensates what was begun when a step takes too long, and tells the step', async () => {
  const said: string[] = []
  const saga = defineSaga({
    name: 'slow step',
    version: 1,
    input: z.null(),
    steps: (steps) =>
      steps
        .step('first', {
          invoke: async () => 'done',
          compensate: async ({ output }) => {
            said.push(`undo first, ${output}`)
          },
        })
        .step('slow', {
          timeoutMs: 50,
          retry: { attempts: 1, firstMs: 1, maxMs: 1 },
          invoke: ({ signal }) =>
            new Promise<void>((_, reject) => {
              signal.addEventListener('abort', () => {
                said.push('told')
                reject(new Error('gave up'))
              })
            }),
          compensate: async ({ output }) => {
            said.push(`undo slow, ${output}`)
          },
        }),
  })
  const { id } = await start(saga, null)
  run([saga])
  await inState(id, 'compensated')
  expect(said).toEqual(['told', 'undo slow, undefined', 'undo first, done'])
  const { reason } = await store.durable.sagaAdmin.show(id)
  expect(reason).toMatch(/^slow: .*Step "slow" took longer than 50 ms/)
})

it('ends a statement that takes too long, with its transaction', async () => {
  const saga = defineSaga({
    name: 'slow statement',
    version: 1,
    input: z.null(),
    steps: (steps) =>
      steps.step('write', {
        timeoutMs: 100,
        retry: { attempts: 1, firstMs: 1, maxMs: 1 },
        transact: async (_, tx) => {
          await tx.query(`INSERT INTO public.effect (key, n) VALUES ('slow statement', 1)`)
          await tx.query('SELECT pg_sleep(600)')
        },
      }),
  })
  const { id } = await start(saga, null)
  run([saga])
  await inState(id, 'compensated')
  expect(await effects('slow statement')).toEqual([])
})

it('turns round when its whole time is up, though each step is in time', async () => {
  const saga = defineSaga({
    name: 'whole time',
    version: 1,
    input: z.null(),
    timeoutMs: 300,
    steps: (steps) =>
      steps.step('again and again', {
        retry: { attempts: 1_000, firstMs: 20, maxMs: 20 },
        invoke: async () => {
          throw new Error('not yet')
        },
      }),
  })
  const { id } = await start(saga, null)
  run([saga])
  await inState(id, 'compensated')
  expect((await store.durable.sagaAdmin.show(id)).reason).toContain('300 ms')
})

it('is cancelled by an operator when its present step has ended', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const calls: string[] = []
  const saga = defineSaga({
    name: 'cancelled',
    version: 1,
    input: z.null(),
    steps: (steps) =>
      steps
        .step('held', {
          invoke: async () => {
            calls.push('held')
            await held
          },
          compensate: async () => {
            calls.push('undo held')
          },
        })
        .step('write', {
          transact: async () => {
            calls.push('write')
          },
          compensate: async () => {
            calls.push('undo write')
          },
        })
        .step('never', {
          invoke: async () => {
            calls.push('never')
          },
        }),
  })
  const { id } = await start(saga, null)
  run([saga])
  await until('the step is running', () => calls.length === 1)
  await store.durable.sagaAdmin.cancel(id)
  release()
  await inState(id, 'compensated')
  expect(calls.filter((call) => call !== 'write' && call !== 'undo write')).toEqual([
    'held',
    'undo held',
  ])
  expect((await store.durable.sagaAdmin.show(id)).reason).toBe('cancelled by an operator')
  await expect(store.durable.sagaAdmin.cancel(id)).rejects.toThrow(
    `"cancel" needs one of: running; saga ${id} is compensated.`,
  )
  await expect(store.durable.sagaAdmin.show('nobody')).rejects.toThrow('Given "nobody"')
})

it('calls nothing, and undoes nothing, when it is cancelled before its first step', async () => {
  const calls: string[] = []
  const saga = defineSaga({
    name: 'cancelled early',
    version: 1,
    input: z.null(),
    steps: (steps) =>
      steps.step('first', {
        invoke: async () => {
          calls.push('first')
        },
        compensate: async () => {
          calls.push('undo first')
        },
      }),
  })
  const { id } = await start(saga, null)
  await store.durable.sagaAdmin.cancel(id)
  run([saga])
  await inState(id, 'compensated')
  expect(calls).toEqual([])
})

it('gives sagas back when its runner stops, and another one goes on where it was', async () => {
  const calls: string[] = []
  const saga = (hold: Promise<void>) =>
    defineSaga({
      name: 'given back',
      version: 1,
      input: z.null(),
      steps: (steps) =>
        steps
          .step('one', {
            invoke: async () => {
              calls.push('one')
              await hold
              return 1
            },
          })
          .step('two', {
            invoke: async ({ outputs }) => {
              calls.push(`two after ${outputs.one}`)
            },
          }),
    })
  let release = () => {}
  const hold = new Promise<void>((resolve) => {
    release = resolve
  })
  const first = run([saga(hold)])
  const { id } = await start(saga(hold), null)
  await until('the first step is running', () => calls.length === 1)
  const stopped = first.stop()
  expect(first.status().state).toBe('stopping')
  release()
  await stopped
  expect(first.status()).toEqual({ state: 'stopped', active: 0, stepsDone: 1 })
  expect(await store.durable.sagaAdmin.show(id)).toMatchObject({
    state: 'running',
    leasedUntil: null,
  })
  run([saga(hold)])
  await inState(id, 'completed')
  expect(calls).toEqual(['one', 'two after 1'])
})

it('is taken over when a runner stands still, whose later writes count for nothing', async () => {
  const other = await store.another()
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const calls: string[] = []
  const saga = (who: string, hold: Promise<void> | null) =>
    defineSaga({
      name: 'taken over',
      version: 1,
      input: z.null(),
      steps: (steps) =>
        steps
          .step('call', {
            invoke: async () => {
              calls.push(`${who} calls`)
              await hold
              return who
            },
          })
          .step('write', {
            transact: async ({ outputs }, tx) => {
              await tx.query(`INSERT INTO public.effect (key, n) VALUES ($1, 1)`, [
                `taken over ${outputs.call}`,
              ])
            },
          }),
    })
  // With room for one it does not look for another, and so not for this one again.
  const still = run([saga('first', held)], { concurrency: 1 })
  const { id } = await start(saga('first', held), null)
  await until('the first one is at it', () => calls.length === 1)
  // As if the process was paused: what it renewed is over.
  await store.pool.query(
    `UPDATE durable.saga SET leased_until = clock_timestamp() - interval '1 ms' WHERE id = $1`,
    [id],
  )
  const second = new SagaRunner({ durable: other, sagas: [saga('second', null)], pollMs: 20 })
  runners.push(second)
  second.start()
  await inState(id, 'completed')
  release()
  await still.stop()
  expect(calls).toEqual(['first calls', 'second calls'])
  expect(await effects('taken over second')).toEqual([1])
  expect(await effects('taken over first')).toEqual([])
  expect((await store.durable.sagaAdmin.show(id)).steps[0]).toMatchObject({ output: 'second' })
})
