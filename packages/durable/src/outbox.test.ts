import { EmbeddedPostgres, transaction } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MessagesRefused, OutboxRelay, type OutgoingMessage } from './index.ts'
import { RelayStatements } from './relay-statements.ts'
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

async function store(): Promise<Store> {
  const made = await createStore(server)
  stores.push(made)
  return made
}

/** A transport that remembers what it took. */
function transport() {
  const taken: OutgoingMessage[] = []
  return {
    taken,
    ns: (key: string) =>
      taken.filter((one) => one.key === key).map((one) => (one.payload as { n: number }).n),
    send: async (batch: readonly OutgoingMessage[]) => {
      taken.push(...batch)
    },
  }
}

describe('an outbox', () => {
  it('sends what was committed, whole and in order, and nothing that was rolled back', async () => {
    const { durable, pool } = await store()
    const { outbox } = durable
    const first = message('a', 1, {
      payload: { text: 'ü "quoted" \\ {1,2}', list: [null, 1.5, {}] },
      headers: { traceparent: '00-1-2-00' },
      occurredAt: new Date('2026-01-02T03:04:05.678Z'),
    })
    await transaction(pool, (tx) => outbox.write(tx, [first, message('a', 2), message('b', 1)]))
    await transaction(pool, async (tx) => {
      await outbox.write(tx, [message('a', 3)])
      throw new Error('no')
    }).catch(() => {})
    expect(await outbox.depth()).toMatchObject({ messages: 3, refusedKeys: 0 })
    const { taken, ns, send } = transport()
    const relay = new OutboxRelay({ durable, send })
    relay.start()
    await until('all were sent', async () => (await outbox.depth()).messages === 0)
    await relay.stop()
    expect(taken.find((one) => one.id === first.id)).toEqual(first)
    expect(taken).toHaveLength(3)
    expect(ns('a')).toEqual([undefined, 2])
  })

  it('sends what a transaction that committed late wrote, though later ones were sent before', async () => {
    const { durable, pool } = await store()
    const { ns, send } = transport()
    const relay = new OutboxRelay({ durable, send })
    relay.start()
    const late = await pool.connect()
    await late.query('BEGIN')
    await durable.outbox.write(late, [message('late', 1)])
    await durable.outbox.write(pool, [message('early', 2)])
    await until('the later one was sent', () => ns('early').length === 1)
    await late.query('COMMIT')
    late.release()
    await until('the late one was sent', () => ns('late').length === 1)
    await relay.stop()
  })

  it('keeps the order of each key with three relays at once', async () => {
    const one = await store()
    const { ns, send } = transport()
    let calls = 0
    const relays = await Promise.all(
      [1, 2, 3].map(async () => {
        const durable = await one.another()
        return new OutboxRelay({
          durable,
          batchSize: 20,
          send: async (batch) => {
            // The transport hesitates, so that batches overlap.
            await new Promise((resolve) => setImmediate(resolve))
            if (calls++ % 7 === 3) throw new Error('hiccup')
            await send(batch)
          },
        })
      }),
    )
    for (const relay of relays) relay.start()
    const keys = Array.from({ length: 12 }, (_, i) => `key ${i}`)
    for (let n = 0; n < 50; n++) {
      await one.durable.outbox.write(
        one.pool,
        keys.map((key) => message(key, n)),
      )
    }
    await until('all were sent', async () => (await one.durable.outbox.depth()).messages === 0)
    await Promise.all(relays.map((relay) => relay.stop()))
    for (const key of keys) {
      const firsts = ns(key).filter((n, i, all) => all.indexOf(n) === i)
      expect(firsts).toEqual(Array.from({ length: 50 }, (_, n) => n))
    }
  })

  it('sends the first after a pause at once, and together what comes soon after it', async () => {
    const { durable, pool } = await store()
    const { outbox } = durable
    const batches: unknown[] = []
    const relay = new OutboxRelay({
      durable,
      // Longer than three small transactions take, however slow the machine is.
      gatherMs: 2_000,
      send: async (batch) => void batches.push(batch.map(({ key }) => key)),
    })
    relay.start()
    await outbox.write(pool, [message('first', 1)])
    await until('it was sent', () => batches.length === 1)
    for (const key of ['a', 'b', 'c']) await outbox.write(pool, [message(key, 1)])
    await until('they were sent', () => batches.length > 1)
    await relay.stop()
    expect(batches).toEqual([['first'], ['a', 'b', 'c']])
  })

  it('claims the lanes of what is there where that is little', async () => {
    const { durable, pool } = await store()
    const { send, taken } = transport()
    const relay = new OutboxRelay({ durable, send })
    await transaction(pool, (tx) => durable.outbox.write(tx, [message('a', 1), message('a', 2)]))
    expect(await relay.pass()).toBe(true)
    expect(taken).toHaveLength(2)
    const claimed = `SELECT count(*)::int AS lanes FROM ${durable.prefix}outbox_lane WHERE token > 0`
    expect((await pool.query(claimed)).rows).toEqual([{ lanes: 1 }])
    expect(await relay.pass()).toBe(false)
    expect((await pool.query(claimed)).rows).toEqual([{ lanes: 1 }])
  })

  it('lets go of every lane, however many relays take them at the same time', async () => {
    const { durable, pool } = await store()
    await durable.outbox.write(pool, [message('a', 1)])
    const statements = new RelayStatements(durable, 2)
    const relay = async () => {
      for (let i = 0; i < 600; i++) {
        const { rows } = await pool.query<{ token: string }>(statements.take, [20, 60_000])
        if (rows[0]) await statements.release(rows[0].token)
      }
    }
    await Promise.all(Array.from({ length: 8 }, relay))
    const leased = 'SELECT FROM durable.outbox_lane WHERE leased_until > now()'
    expect((await pool.query(leased)).rowCount).toBe(0)
  })

  it('refuses a message that is not valid, and says what is allowed', async () => {
    const { durable, pool } = await store()
    await expect(
      durable.outbox.write(pool, [message('a', 1), message('a', 2, { id: 'two' })]),
    ).rejects.toThrow('id: given "two", allowed is a UUID.')
    expect((await durable.outbox.depth()).messages).toBe(0)
  })
})

describe('a message the transport refuses', () => {
  const refusing = (isBad: (one: OutgoingMessage) => boolean) => {
    const { taken, ns, send } = transport()
    return {
      taken,
      ns,
      send: async (batch: readonly OutgoingMessage[]) => {
        if (batch.some(isBad)) throw new Error('too large')
        await send(batch)
      },
    }
  }

  it('holds up its own key alone, becomes a dead letter, and is sent first when redriven', async () => {
    const { durable, pool } = await store()
    let mended = false
    const bad = message('a', 1)
    const { ns, send } = refusing((one) => !mended && one.id === bad.id)
    const relay = new OutboxRelay({ durable, send, retryDelaysMs: [1, 1, 1], pollMs: 5 })
    await durable.outbox.write(pool, [message('a', 0), bad, message('a', 2), message('b', 1)])
    relay.start()
    await until('the other key was sent', () => ns('b').length === 1)
    // Each attempt is judged against others that were taken since the one before.
    let n = 2
    await until('it was given up', async () => {
      await durable.outbox.write(pool, [message('b', n++)])
      return (await durable.deadLetters.list()).length === 1
    })
    await until('its key goes on', () => ns('a').length === 2)
    expect(ns('a')).toEqual([0, 2])
    const [letter] = await durable.deadLetters.list({ kind: 'outgoing' })
    expect(letter).toMatchObject({
      source: 'outbox',
      subject: 'parcel.moved',
      key: 'a',
      error: 'Error: too large',
      attempts: 4,
    })
    await relay.stop()
    mended = true
    await durable.outbox.write(pool, [message('a', 3)])
    await durable.deadLetters.redrive(letter!.id)
    const again = new OutboxRelay({ durable, send })
    again.start()
    await until('it was sent', () => ns('a').length === 4)
    expect(ns('a')).toEqual([0, 2, 1, 3])
    await again.stop()
  })

  it('is known at once where the transport names it', async () => {
    const { durable, pool } = await store()
    const bad = message('a', 1)
    const { ns, send } = transport()
    const relay = new OutboxRelay({
      durable,
      retryDelaysMs: [],
      send: async (batch) => {
        if (batch.some((one) => one.id === bad.id)) throw new MessagesRefused([bad.id], 'too large')
        await send(batch)
      },
    })
    await durable.outbox.write(pool, [bad, message('a', 2), message('b', 1)])
    relay.start()
    await until('the rest was sent', () => ns('a').length === 1 && ns('b').length === 1)
    await until('it is a dead letter', async () => (await durable.deadLetters.list()).length === 1)
    await relay.stop()
  })

  it('is told from a transport that is down, which makes no dead letters', async () => {
    const { durable, pool } = await store()
    const { taken, send } = transport()
    let down = true
    let tried = 0
    const relay = new OutboxRelay({
      durable,
      retryDelaysMs: [],
      concurrency: 1,
      send: async (batch) => {
        tried++
        if (down) throw new Error('no broker')
        await send(batch)
      },
    })
    await durable.outbox.write(
      pool,
      Array.from({ length: 40 }, (_, n) => message(`key ${n}`, n)),
    )
    relay.start()
    await until('it was tried often', () => tried > 12)
    expect(await durable.deadLetters.list()).toEqual([])
    expect(await durable.outbox.depth()).toMatchObject({ messages: 40, refusedKeys: 0 })
    down = false
    await until('all were sent', () => taken.length >= 40)
    await relay.stop()
  })
})

describe('a relay whose lease has run out', () => {
  /** A relay in the middle of sending, until it is let go. */
  async function held(durable: Store['durable']) {
    let enter = () => {}
    const sending = new Promise<void>((resolve) => {
      enter = resolve
    })
    let letGo = () => {}
    const done = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const relay = new OutboxRelay({
      durable,
      concurrency: 1,
      send: () => {
        enter()
        return done
      },
    })
    const pass = relay.pass()
    await sending
    return { pass, letGo }
  }

  it('deletes nothing of what another relay is sending by now', async () => {
    const { durable, pool } = await store()
    await durable.outbox.write(pool, [message('a', 1)])
    const slow = await held(durable)
    await pool.query("UPDATE durable.outbox_lane SET leased_until = '-infinity'")
    const thief = await held(durable)
    slow.letGo()
    await slow.pass
    expect((await durable.outbox.depth()).messages).toBe(1)
    thief.letGo()
    await thief.pass
    expect((await durable.outbox.depth()).messages).toBe(0)
  })
})
