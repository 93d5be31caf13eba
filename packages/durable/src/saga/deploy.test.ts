import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { createStore, type Store, until } from '../testing/store.ts'
import { defineSaga, type SagaDefinition } from './definition.ts'
import { SagaRunner } from './runner.ts'

/** Each test stands for a deploy: a saga that has done a, b and waits before c meets another definition. */
let server: EmbeddedPostgres
let store: Store
let calls: string[] = []
let runner: SagaRunner | undefined
let tests = 0
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  store = await createStore(server)
})
afterEach(async () => {
  await runner?.stop(0)
  calls = []
})
afterAll(async () => {
  await store.close()
  await server.stop()
})

interface Deployed {
  readonly version: number
  readonly steps: readonly string[]
  readonly retired?: readonly string[]
  /** A step that fails each time, long enough for a deploy to come in between. */
  readonly waits?: string
  /** A step that is refused. */
  readonly refuses?: string
  readonly input?: z.ZodType<{ n: number }>
}

function define(deployed: Deployed): SagaDefinition<{ n: number }> {
  const { version, steps, retired = [], waits, refuses } = deployed
  return defineSaga({
    name: `deployed ${tests}`,
    version,
    input: deployed.input ?? z.object({ n: z.number() }),
    timeoutMs: 60_000,
    steps: (saga) => {
      const all = steps.reduce((before, name) => {
        const retry = { attempts: name === refuses ? 1 : 1_000, firstMs: 20, maxMs: 20 }
        return before.step(name, {
          retry,
          invoke: async () => {
            calls.push(name)
            if (name === waits || name === refuses) throw new Error(`${name} does not go`)
          },
          compensate: async () => {
            calls.push(`undo ${name}`)
          },
        })
      }, saga)
      return retired.reduce(
        (before, name) =>
          before.retired(name, {
            compensate: async () => {
              calls.push(`undo ${name}`)
            },
          }),
        all,
      )
    },
  })
}

/** @returns the id of a saga that has done a and b, and at whose c the old version was stopped. */
async function underWay(): Promise<string> {
  tests++
  const old = define({ version: 1, steps: ['a', 'b', 'c', 'd'], waits: 'c' })
  const { id } = await store.durable.sagas.start(store.pool, old, { n: 1 })
  deploy({ version: 1, steps: ['a', 'b', 'c', 'd'], waits: 'c' })
  await until('it stands before c', () => calls.includes('c'))
  await runner!.stop()
  calls = []
  return id
}

function deploy(deployed: Deployed): void {
  runner = new SagaRunner({ durable: store.durable, sagas: [define(deployed)], pollMs: 20 })
  runner.start()
}
const show = (id: string) => store.durable.sagaAdmin.show(id)
const inState = (id: string, state: string) =>
  until(`it is ${state}`, async () => (await show(id)).state === state)

it('goes on where it was with a step that was added before or after it', async () => {
  const id = await underWay()
  deploy({ version: 2, steps: ['a', 'new', 'b', 'c', 'd', 'last'] })
  await inState(id, 'completed')
  expect(calls).toEqual(['c', 'new', 'd', 'last'])
  expect((await show(id)).version).toBe(2)
})

it('does what is left in the new order, and nothing twice', async () => {
  const id = await underWay()
  deploy({ version: 2, steps: ['d', 'c', 'b', 'a'] })
  await inState(id, 'completed')
  // The call that was begun comes first: whether it took effect is not known.
  expect(calls).toEqual(['c', 'd'])
})

it('undoes in the order in which it was done, whatever order the definition has now', async () => {
  const id = await underWay()
  deploy({ version: 2, steps: ['d', 'c', 'b', 'a'], refuses: 'd' })
  await inState(id, 'compensated')
  expect(calls).toEqual(['c', 'd', 'undo d', 'undo c', 'undo b', 'undo a'])
})

it('leaves out a step that was removed before it was begun', async () => {
  const id = await underWay()
  deploy({ version: 2, steps: ['a', 'b', 'c'] })
  await inState(id, 'completed')
  expect(calls).toEqual(['c'])
})

it('is blocked when a step that was done is gone, naming it, and goes on after the next deploy', async () => {
  const id = await underWay()
  deploy({ version: 2, steps: ['a', 'c', 'd'] })
  await inState(id, 'blocked')
  expect((await show(id)).reason).toContain(
    `Step "b" was begun, and version 2 of saga "deployed ${tests}" does not know it; known: a, c, d.`,
  )
  expect(await store.durable.sagaAdmin.list({ state: 'blocked' })).toMatchObject([{ id }])
  const name = `deployed ${tests}`
  expect(await store.durable.sagaAdmin.count()).toContainEqual({ name, state: 'blocked', sagas: 1 })
  expect(calls).toEqual([])
  await runner!.stop()
  deploy({ version: 3, steps: ['a', 'c', 'd'], retired: ['b'] })
  await inState(id, 'completed')
  expect(calls).toEqual(['c', 'd'])
})

it('undoes a step that is retired, though it would not run it any more', async () => {
  const id = await underWay()
  deploy({ version: 2, steps: ['a', 'c', 'd'], retired: ['b'], refuses: 'd' })
  await inState(id, 'compensated')
  expect(calls).toEqual(['c', 'd', 'undo d', 'undo c', 'undo b', 'undo a'])
})

it('is left alone by a runner of an older version, until an operator redrives it', async () => {
  const id = await underWay()
  deploy({ version: 2, steps: ['a', 'c', 'd'] })
  await inState(id, 'blocked')
  await runner!.stop()
  const bystander = await store.durable.sagas.start(
    store.pool,
    define({ version: 1, steps: ['a', 'b', 'c', 'd'] }),
    { n: 2 },
  )
  deploy({ version: 1, steps: ['a', 'b', 'c', 'd'] })
  await inState(bystander.id, 'completed')
  expect((await show(id)).state).toBe('blocked')
  calls = []
  await store.durable.sagaAdmin.redrive(id)
  await inState(id, 'completed')
  expect(calls).toEqual(['c', 'd'])
})

it('is blocked when the new version does not read its input, saying why', async () => {
  const id = await underWay()
  const input = z.object({ n: z.number().min(5) })
  deploy({ version: 2, steps: ['a', 'b', 'c', 'd'], input })
  await inState(id, 'blocked')
  expect((await show(id)).reason).toMatch(/^Version 2 of saga .* does not read its input: .*>=5/s)
})
