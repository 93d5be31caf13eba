import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type DurableOptions,
  type Handler,
  InboxWorker,
  type OutgoingMessage,
  oneByOne,
  Unprocessable,
} from './index.ts'
import { effectsOf, writeEffect } from './testing/effects.ts'
import { createStore, message, type Store, until } from './testing/store.ts'

let server: EmbeddedPostgres
const stores: Store[] = []

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(async () => {
  for (const store of stores) await store.close()
  await server.stop()
})

async function store(inbox: DurableOptions['inbox'] = { retryDelaysMs: [1, 1, 1] }) {
  const made = await createStore(server, { inbox })
  stores.push(made)
  return made
}

/** Writes its effect, then fails if told to. */
function handler(fails: (one: OutgoingMessage) => boolean = () => false): Handler {
  return async (tx, one) => {
    await writeEffect(tx, one)
    if (fails(one)) throw new Error('poison')
  }
}

const effects = (one: Store, key: string) => effectsOf(one.pool, key)

describe('an inbox', () => {
  it('has the effect of a message once, however often it is delivered, for each consumer', async () => {
    const one = await store()
    const { inbox } = one.durable
    const parcel = message('a', 1)
    expect(await inbox.receive('billing', parcel, handler())).toBe('handled')
    expect(await inbox.receive('billing', parcel, handler())).toBe('duplicate')
    expect(await inbox.receive('search', parcel, handler())).toBe('handled')
    expect(await effects(one, 'a')).toEqual([1, 1])
  })

  it('has it once when two processes are given the message at the same moment', async () => {
    const one = await store()
    const others = await Promise.all([one.another(), one.another()])
    const parcels = Array.from({ length: 20 }, (_, n) => message(`key ${n % 3}`, n))
    await Promise.all(
      others.map(async ({ inbox }) => {
        for (const parcel of parcels) await inbox.receive('billing', parcel, handler())
      }),
    )
    const { rows } = await one.pool.query('SELECT count(*)::int AS n FROM public.effect')
    expect(rows).toEqual([{ n: 20 }])
  })

  it('keeps what failed, and what comes after it in its key; other keys go on', async () => {
    const one = await store()
    const { inbox } = one.durable
    const receive = (key: string, n: number) =>
      inbox.receive(
        'billing',
        message(key, n),
        handler((given) => given.key === 'a'),
      )
    expect(await receive('a', 1)).toBe('waiting')
    expect(await receive('a', 2)).toBe('waiting')
    expect(await receive('b', 1)).toBe('handled')
    expect(await effects(one, 'a')).toEqual([])
    const { messages, oldestMs } = (await inbox.waiting()).get('billing')!
    expect(messages).toBe(2)
    // They tell of 1970.
    expect(oldestMs).toBeGreaterThan(50 * 365 * 24 * 3_600_000)
    const worker = new InboxWorker({ durable: one.durable, handlers: { billing: handler() } })
    worker.start()
    await until('the key was worked off', async () => (await effects(one, 'a')).length === 2)
    await until('the key is free', async () => (await receive('b', 2)) === 'handled')
    await worker.stop()
    expect(await effects(one, 'a')).toEqual([1, 2])
    expect(await inbox.receive('billing', message('a', 3), handler())).toBe('handled')
  })

  it('makes a dead letter of what fails each time, and a redriven one comes before what still waits', async () => {
    const one = await store()
    const { inbox, deadLetters } = one.durable
    const poison = new Set([1])
    const handle = handler((given) => poison.has((given.payload as { n: number }).n))
    for (const n of [1, 2]) await inbox.receive('billing', message('a', n), handle)
    let attempts = 0
    const worker = new InboxWorker({
      durable: one.durable,
      handlers: { billing: handle },
      onProblem: () => attempts++,
    })
    while ((await deadLetters.list()).length === 0) await worker.pass()
    expect(attempts).toBe(3)
    expect(await effects(one, 'a')).toEqual([2])
    const [letter] = await deadLetters.list({ kind: 'event', source: 'billing' })
    expect(letter).toMatchObject({ key: 'a', attempts: 4, error: 'Error: poison' })
    expect(await deadLetters.show(letter!.id)).toEqual(letter)

    poison.add(3)
    for (const n of [3, 4]) await inbox.receive('billing', message('a', n), handle)
    await deadLetters.redrive(letter!.id)
    poison.clear()
    while ((await effects(one, 'a')).length < 4) await worker.pass()
    expect(await effects(one, 'a')).toEqual([2, 1, 3, 4])
    await expect(deadLetters.redrive(letter!.id)).rejects.toThrow(`Given "${letter!.id}"`)
  })

  it('gives a redriven message all its attempts again', async () => {
    const one = await store()
    const handle = handler(() => true)
    const worker = new InboxWorker({ durable: one.durable, handlers: { billing: handle } })
    const { inbox, deadLetters } = one.durable
    await inbox.receive('billing', message('a', 1), handle)
    while ((await deadLetters.list()).length === 0) await worker.pass()
    await deadLetters.redrive((await deadLetters.list())[0]!.id)
    while ((await deadLetters.list()).length === 0) await worker.pass()
    const [letter] = await deadLetters.list()
    expect(letter!.attempts).toBe(4)
    await deadLetters.discard(letter!.id)
    expect(await deadLetters.list()).toEqual([])
  })

  it('gives up at once what its handler calls unprocessable', async () => {
    const one = await store()
    const { inbox, deadLetters } = one.durable
    const refuse = async () => {
      throw new Unprocessable('not of this schema')
    }
    const parcel = message('a', 1)
    expect(await inbox.receive('billing', parcel, refuse)).toBe('dead')
    expect(await inbox.receive('billing', parcel, refuse)).toBe('duplicate')
    expect(await inbox.receive('billing', message('a', 2), handler())).toBe('handled')
    expect(await deadLetters.list()).toHaveLength(1)
  })

  it('does not take a message over whose handler swallowed the failure of a statement', async () => {
    const one = await store()
    const { inbox } = one.durable
    const receipt = await inbox.receive('billing', message('a', 1), async (tx) => {
      await tx.query('SELECT 1 / 0').catch(() => {})
    })
    expect(receipt).toBe('waiting')
    const worker = new InboxWorker({ durable: one.durable, handlers: { billing: handler() } })
    while ((await effects(one, 'a')).length === 0) await worker.pass()
  })

  it('receives a batch in one transaction, and one by one when a message of it fails', async () => {
    const one = await store()
    const { inbox } = one.durable
    const batch = [message('a', 1), message('b', 1), message('a', 2), message('c', 1)]
    const twice = [...batch, batch[0]!]
    const poison = handler((given) => given.key === 'a')
    expect(await inbox.receiveBatch('billing', batch.slice(1, 2), oneByOne(handler()))).toEqual([
      'handled',
    ])
    expect(await inbox.receiveBatch('billing', twice, oneByOne(poison))).toEqual([
      'waiting',
      'duplicate',
      'waiting',
      'handled',
      'duplicate',
    ])
    const transactions = async () =>
      (await one.pool.query('SELECT count(DISTINCT xmin::text)::int AS n FROM public.effect')).rows
    expect(await transactions()).toEqual([{ n: 2 }])
    const whole = [message('d', 1), message('d', 2), message('a', 3)]
    expect(await inbox.receiveBatch('billing', whole, oneByOne(handler()))).toEqual([
      'handled',
      'handled',
      'waiting',
    ])
    expect(await transactions()).toEqual([{ n: 3 }])
  })

  it('gives a batch to its handler at once, without what was here before or has to wait', async () => {
    const one = await store()
    const { inbox } = one.durable
    const seen = message('a', 1)
    await inbox.receive('billing', seen, handler())
    await inbox.receive(
      'billing',
      message('blocked', 1),
      handler(() => true),
    )
    const batches: (readonly OutgoingMessage[])[] = []
    const fresh = [message('a', 2), message('b', 1)]
    const batch = [seen, fresh[0]!, message('blocked', 2), fresh[1]!]
    const receipts = await inbox.receiveBatch('billing', batch, async (_, messages) => {
      batches.push(messages)
    })
    expect(receipts).toEqual(['duplicate', 'handled', 'waiting', 'handled'])
    expect(batches).toEqual([fresh])
    await inbox.receiveBatch('billing', batch, async (_, messages) => {
      batches.push(messages)
    })
    expect(batches).toHaveLength(1)
  })

  it('forgets what it saw longer ago than it has to remember', async () => {
    const one = await store({ rememberMs: 3_600_000 })
    const { inbox } = one.durable
    for (const n of [1, 2, 3]) await inbox.receive('billing', message('a', n), handler())
    await one.pool.query(`UPDATE durable.inbox_seen SET seen_at = now() - interval '2 hours'
      WHERE id <> (SELECT id FROM public.effect WHERE n = 3)`)
    expect(await inbox.forget()).toBe(2)
  })
})

describe('a worker whose lease has run out', () => {
  it('keeps nothing of what its handler wrote, and the other has the effect once', async () => {
    const one = await store()
    const { inbox } = one.durable
    await inbox.receive(
      'billing',
      message('a', 1),
      handler(() => true),
    )
    let entered = () => {}
    const inside = new Promise<void>((resolve) => {
      entered = resolve
    })
    let leave = () => {}
    const stolen = new Promise<void>((resolve) => {
      leave = resolve
    })
    const slow = new InboxWorker({
      durable: await one.another(),
      handlers: {
        billing: async (tx, given) => {
          await writeEffect(tx, given)
          entered()
          await stolen
        },
      },
    })
    await until('it is due', async () => {
      const { rows } = await one.pool.query('SELECT due_at <= now() AS due FROM durable.inbox_key')
      return rows[0].due
    })
    const working = slow.pass()
    await inside
    await one.pool.query("UPDATE durable.inbox_key SET leased_until = '-infinity'")
    const thief = new InboxWorker({ durable: one.durable, handlers: { billing: handler() } })
    const stealing = thief.pass()
    await until('it is stolen', async () => {
      const { rows } = await one.pool.query(
        'SELECT leased_until > now() AS leased FROM durable.inbox_key',
      )
      return rows[0]?.leased
    })
    leave()
    await expect(working).rejects.toMatchObject({ code: 'CLAIM_LOST' })
    await stealing
    expect(await effects(one, 'a')).toEqual([1])
  })
})
