import { EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import {
  defineJob,
  InboxWorker,
  type InboxWorkerOptions,
  messageId,
  OutboxRelay,
  SagaRunner,
  Scheduler,
} from './index.ts'
import { Lookout } from './lookout.ts'
import { defineParcelSaga } from './testing/parcel-saga.ts'
import { createStore, type Store, until } from './testing/store.ts'

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(async () => {
  await server.stop()
})

const saga = defineParcelSaga('moved')

/** Everything that a process runs, on a database of its own. */
async function startProcess(handlers: InboxWorkerOptions['handlers']) {
  const store = await createStore(server)
  const { durable } = store
  const did: string[] = []
  const job = defineJob({
    name: 'note',
    payload: z.null(),
    run: async () => {
      did.push('job')
    },
  })
  const send = async () => {
    did.push('sent')
  }
  const runners = [
    new OutboxRelay({ durable, send }),
    new InboxWorker({ durable, handlers }),
    new SagaRunner({ durable, sagas: [saga] }),
    new Scheduler({ durable, jobs: [job] }),
  ]
  for (const runner of runners) runner.start()
  onTestFinished(async () => {
    await Promise.all(runners.map((runner) => runner.stop()))
    await store.close()
  })
  return { store, did }
}

/** The statements of a process from now on; those of a transaction count as its BEGIN. */
function statementsOf({ pool }: Store): string[] {
  const texts: string[] = []
  const connect = pool.connect.bind(pool) as Pool['connect']
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown
  let within = false
  Object.assign(pool, {
    query: (...args: unknown[]) => {
      texts.push(String(args[0]))
      within = true
      try {
        return query(...args)
      } finally {
        within = false
      }
    },
    connect: (...args: Parameters<Pool['connect']>) => {
      if (!within) texts.push('BEGIN')
      return connect(...args)
    },
  })
  return texts
}

const isLook = (text: string) => text.includes('AS due') && text.includes('AS awake')

/** Five looks, between which no runner sends a statement of its own. */
async function whileAllRest(
  texts: string[],
  awaited: (text: string) => boolean = isLook,
): Promise<string[]> {
  await until('all rest', () => texts.length >= 5 && texts.slice(-5).every(awaited))
  return texts.slice(-5)
}

describe('runners that rest', () => {
  it('are looked for together, in one statement, which changes nothing', async () => {
    const { store } = await startProcess({ billing: async () => {} })
    // Whoever went to rest late is looked for alone at first.
    const tables = ['outbox', 'inbox_key', 'saga', 'job', 'schedule']
    const looked = tables.map((table) => new RegExp(`"durable"\\.${table}\\b`))
    const forAll = (text: string) => isLook(text) && looked.every((one) => one.test(text))
    const texts = await whileAllRest(statementsOf(store), forAll)
    expect(texts.filter((text) => /INSERT|UPDATE|DELETE/.test(text))).toEqual([])
  })

  it('are not looked for where nothing can come', async () => {
    const { store } = await startProcess({})
    const texts = await whileAllRest(statementsOf(store))
    expect(texts.filter((text) => text.includes('inbox_key'))).toEqual([])
  })

  it('find what nobody told them of', async () => {
    const handled: string[] = []
    const { store, did } = await startProcess({
      billing: async (_tx, { key }) => {
        handled.push(key)
      },
    })
    const { pool } = store
    await whileAllRest(statementsOf(store))
    await pool.query(`
      INSERT INTO durable.outbox (id, type, key, payload, headers, occurred_at)
      VALUES ('${messageId()}', 'parcel.moved', 'a', '{}', '{}', now());
      INSERT INTO durable.inbox_waiting (consumer, id, type, key, payload, headers, occurred_at)
      VALUES ('billing', '${messageId()}', 'parcel.moved', 'a', '{}', '{}', now());
      INSERT INTO durable.inbox_key (consumer, key, attempts, due_at, error)
      VALUES ('billing', 'a', 1, now(), '');
      INSERT INTO durable.saga (id, name, version, input, headers, deadline, steps)
      VALUES ('${messageId()}', 'moved', ${saga.version}, '{"parcel": "a"}', '{}', now() + interval '1 minute', '[]');
      INSERT INTO durable.job (name, payload, due_at) VALUES ('note', 'null', now())`)
    await until('it is sent', () => did.includes('sent'))
    await until('it is handled', () => handled.includes('a'))
    await until('the job is done', () => did.includes('job'))
    await until('the saga has ended', async () => {
      const ended = await pool.query('SELECT FROM durable.saga WHERE ended_at IS NOT NULL')
      return ended.rowCount === 1
    })
  })

  it('take back what one that died awake said: that they need not be notified', async () => {
    const { store } = await startProcess({ billing: async () => {} })
    await whileAllRest(statementsOf(store))
    await store.pool.query('UPDATE durable.sleeper SET asleep = false')
    await until('all are asleep', async () => {
      const awake = await store.pool.query('SELECT FROM durable.sleeper WHERE NOT asleep')
      return awake.rowCount === 0
    })
  })
})

describe('a look', () => {
  /** Watches one topic; how often it was woken. */
  function watched(query: () => Promise<unknown>, pollMs = 5) {
    let found = 0
    const lookout = new Lookout({ pool: { query } as never, schema: 'd', prefix: 'd.' })
    const watch = { topic: 'outbox', due: () => 'SELECT 0', pollMs, atOnce: false } as const
    onTestFinished(lookout.watch({ ...watch, found: () => void found++ }))
    return () => found
  }

  it('that is not answered holds up nobody: each looks for himself', async () => {
    const found = watched(() => new Promise(() => {}))
    await until('it was woken twice', () => found() >= 2)
  })

  it('that fails has each find out by himself', async () => {
    const found = watched(() => Promise.reject(new Error('away')))
    await until('it was woken', () => found() >= 1)
  })

  it('that tells of what becomes due before the next one has it wait for so long', async () => {
    let looks = 0
    const found = watched(async () => {
      looks++
      return { rows: [{ due: [found() === 0 ? 3 : null], awake: [] }] }
    }, 50)
    await until('it was looked for often', () => looks > 5)
    expect(found()).toBe(1)
  })
})
