import { defineSaga, openDurable, SagaRunner, Unprocessable } from '@banyan/durable'
import { createPool, EmbeddedPostgres, freePort, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { FakeTerminal } from './testing/fake-terminal.ts'

/* The durable tables of a service with two schemas of them, one poison event and one stuck saga. */

const CONSUMER = 'billing'
const SECRET = 'ada@example.org'

let server: EmbeddedPostgres
let url: string
let pool: Pool
let orders: Awaited<ReturnType<typeof openDurable>>
let others: Awaited<ReturnType<typeof openDurable>>
let runner: SagaRunner
let refund = false

const trip = defineSaga({
  name: 'trip',
  version: 2,
  input: z.object({ mail: z.string() }),
  steps: (saga) =>
    saga
      .step('seat', {
        invoke: async () => ({ seat: '12a' }),
        compensationRetry: { attempts: 1, firstMs: 1, maxMs: 1 },
        compensate: async () => {
          if (!refund) throw new Error('the seat is\u001b[31m kept')
        },
      })
      .step('pay', {
        invoke: async () => {
          throw new Unprocessable('no cover')
        },
      }),
})

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  url = await server.createDatabase('orders')
  pool = createPool(url, { name: 'test', max: 10 })
  orders = await openDurable(pool, { schema: 'orders_durable' })
  others = await openDurable(pool, { schema: 'others_durable' })
  runner = new SagaRunner({ durable: orders, sagas: [trip], pollMs: 20 })
})
afterAll(async () => {
  await runner?.stop(0)
  await orders?.close()
  await others?.close()
  await pool?.end()
  await server?.stop()
})

/** A consumer refuses a message for good. @returns the id of its dead letter */
async function deadEvent(n: number): Promise<string> {
  const message = {
    id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    type: 'order.placed',
    key: `order ${n}`,
    payload: { mail: SECRET },
    headers: {},
    occurredAt: new Date(0),
  }
  await orders.inbox.receive(CONSUMER, message, async () => {
    throw new Unprocessable('line one\nline two')
  })
  const letters = await orders.deadLetters.list({ kind: 'event' })
  return letters.at(-1)!.id
}

async function run(args: readonly string[], terminal = new FakeTerminal()) {
  const code = await terminal.run(...args, '--database', url, '--schema', 'orders_durable')
  return { code, terminal }
}

describe('banyan dlq', () => {
  it('lists without what the letters are about, and shows one with it', async () => {
    const id = await deadEvent(1)
    const { code, terminal } = await run(['dlq', 'list'])
    expect(code).toBe(0)
    expect(terminal.out).toMatch(/^ID +KIND +SOURCE +SUBJECT +KEY +ATTEMPTS +DIED AT +ERROR\n/)
    expect(terminal.out).toMatch(
      new RegExp(`^${id} +event +billing +order.placed +order 1 .*line one line two$`, 'm'),
    )
    expect(terminal.out).not.toContain(SECRET)
    const json = (await run(['dlq', 'list', '--json', '--kind', 'event'])).terminal
    expect(json.json).toMatchObject({
      schema: 'orders_durable',
      letters: [{ id, source: CONSUMER, error: expect.stringContaining('line one') }],
    })
    expect(json.out).not.toContain(SECRET)
    const shown = (await run(['dlq', 'show', id])).terminal
    expect(shown.out).toContain(SECRET)
    expect((await run(['dlq', 'show', id, '--json'])).terminal.json).toMatchObject({
      id,
      body: { payload: { mail: SECRET } },
    })
    await run(['dlq', 'discard', id, '--yes'])
  })

  it('goes from page to page, and takes only what was asked for', async () => {
    const [first, second] = [await deadEvent(2), await deadEvent(3)]
    const page = (await run(['dlq', 'list', '--limit', '1'])).terminal
    expect(page.out).toContain(`--after ${first}`)
    const next = (await run(['dlq', 'list', '--json', '--after', first])).terminal
    expect(next.json).toMatchObject({ letters: [{ id: second }] })
    const none = (await run(['dlq', 'list', '--source', 'nobody'])).terminal
    expect(none.out).toBe('No dead letters in schema orders_durable.\n')
    await run(['dlq', 'discard', first, second, '--yes'])
  })

  it('redrives: it waits again, and the letter is gone', async () => {
    const id = await deadEvent(4)
    const { code, terminal } = await run(['dlq', 'redrive', id])
    expect({ code, out: terminal.out }).toEqual({
      code: 0,
      out: `${id}: event of billing redriven\n`,
    })
    const { rows } = await pool.query('SELECT key FROM orders_durable.inbox_waiting')
    expect(rows).toEqual([{ key: 'order 4' }])
    const again = await run(['dlq', 'redrive', id, '--json'])
    expect(again.code).toBe(2)
    expect(again.terminal.problem).toMatchObject({
      code: 'NO_SUCH_DEAD_LETTER',
      next: expect.stringContaining('banyan dlq list'),
    })
  })

  it('discards only what was confirmed', async () => {
    const id = await deadEvent(5)
    const there = async () => (await orders.deadLetters.list()).map((letter) => letter.id)
    const alone = await run(['dlq', 'discard', id])
    expect(alone.code).toBe(2)
    expect(alone.terminal.err).toContain(`banyan dlq discard ${id} --yes`)
    const unsure = new FakeTerminal({ answer: 'n' })
    expect((await run(['dlq', 'discard', id], unsure)).code).toBe(2)
    expect(unsure.questions[0]).toMatch(/order\.placed(.|\n)*deleted for good/)
    expect(await there()).toEqual([id])
    const sure = new FakeTerminal({ answer: 'y' })
    expect((await run(['dlq', 'discard', id], sure)).code).toBe(0)
    expect(await there()).toEqual([])
  })
})

describe('banyan sagas', () => {
  it('lists a stuck one, shows its steps, and redrives it to its end', async () => {
    const { id } = await orders.sagas.start(pool, trip, { mail: SECRET }, { key: 'trip 1' })
    const state = async () => (await orders.sagaAdmin.show(id)).state
    runner.start()
    await until(async () => (await state()) === 'stuck')
    const list = (await run(['sagas', 'list', '--state', 'stuck'])).terminal
    expect(list.out).toMatch(new RegExp(`^${id}  trip 2  stuck +\\S+ +trip 1 `, 'm'))
    expect(list.out).not.toContain(SECRET)
    // A text that somebody else wrote does not steer the terminal.
    const shown = (await run(['sagas', 'show', id])).terminal
    for (const text of ['the seat is [31m kept', 'seat ', '"seat": "12a"', SECRET]) {
      expect(shown.out).toContain(text)
    }
    expect(shown.out).not.toContain('\u001b')
    expect((await run(['dlq', 'list', '--kind', 'saga'])).terminal.out).toContain(id)

    refund = true
    const redriven = await run(['sagas', 'redrive', id, '--json'])
    expect(redriven.code).toBe(0)
    expect(redriven.terminal.json).toMatchObject({ id, name: 'trip', version: 2 })
    expect(redriven.terminal.out).not.toContain(SECRET)
    await until(async () => (await state()) === 'compensated')
    const late = await run(['sagas', 'redrive', id])
    expect(late.code).toBe(4)
    expect(late.terminal.err).toContain(`banyan sagas show ${id}`)
    await runner.stop()
  })

  it('cancels a running one when somebody is sure', async () => {
    const { id } = await orders.sagas.start(pool, trip, { mail: SECRET })
    expect((await run(['sagas', 'cancel', id])).code).toBe(2)
    expect((await run(['sagas', 'cancel', id, '--yes'])).code).toBe(0)
    const { rows } = await pool.query('SELECT cancelling FROM orders_durable.saga WHERE id = $1', [
      id,
    ])
    expect(rows).toEqual([{ cancelling: true }])
    const missing = await run(['sagas', 'show', '00000000-0000-7000-8000-000000000000', '--json'])
    expect(missing.code).toBe(2)
    expect(missing.terminal.problem.code).toBe('NO_SUCH_SAGA')
  })
})

describe('the database they are asked of', () => {
  const refused = async (...args: string[]) => {
    const terminal = new FakeTerminal()
    const code = await terminal.run('dlq', 'list', ...args)
    return { code, err: terminal.err }
  }

  it('must be named, and have durable tables, in the schema that is named', async () => {
    expect(await refused()).toMatchObject({ code: 2, err: expect.stringContaining('DATABASE_URL') })
    const secret = 'mysql://app:hunter2@host/x'
    const wrong = await refused('--database', secret)
    expect(wrong).toMatchObject({
      code: 2,
      err: expect.stringContaining('is not a PostgreSQL URL'),
    })
    expect(wrong.err).not.toContain('hunter2')
    const several = await refused('--database', url)
    expect(several).toMatchObject({
      code: 2,
      err: expect.stringContaining('--schema must say which: orders_durable, others_durable'),
    })
    const typo = await refused('--database', url, '--schema', 'order_durable')
    expect(typo.err).toContain('Did you mean --schema orders_durable?')
    const empty = await refused('--database', await server.createDatabase('empty'))
    expect(empty.err).toContain('no schema of this database has durable tables')
    const { rows } = await pool.query(`SELECT FROM pg_namespace WHERE nspname = 'order_durable'`)
    expect(rows).toEqual([])
  })

  it('is named when it does not answer, without its password', async () => {
    const away = `127.0.0.1:${await freePort()}`
    const { code, err } = await refused('--database', `postgres://app:hunter2@${away}/orders`)
    expect(code).toBe(5)
    expect(err).toContain(`${away}/orders`)
    expect(err).not.toContain('hunter2')
  })

  it.each([
    [['dlq', 'lst'], 'Did you mean list?'],
    [['dlq', 'list', '--limit', '0'], 'from 1 to 1000'],
    [['dlq', 'list', '--after', 'x'], 'an id as the list prints it'],
    [['dlq', 'list', '--kind', 'sgaa'], 'Allowed choices'],
    [['sagas', 'list', '--state', 'gone'], 'Allowed choices'],
    [['sagas', 'redrive'], "missing required argument 'id'"],
  ])('%j is refused with what is allowed', async (args, text) => {
    const { code, terminal } = await run(args)
    expect(code).toBe(2)
    expect(terminal.err).toContain(text)
  })
})

it('dlq and sagas alone are refused: they have commands of their own', async () => {
  for (const name of ['dlq', 'sagas']) {
    const terminal = new FakeTerminal()
    expect(await terminal.run(name)).toBe(2)
    expect(terminal.err).toContain('none was given')
  }
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}
