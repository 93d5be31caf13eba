/** A transport that delivers until it is told that a message arrived, and an inbox that takes over. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Durable } from '../durable.ts'
import { InboxWorker } from '../inbox-worker.ts'
import type { OutgoingMessage } from '../messages.ts'
import { type CutActor, LEASE_MS } from './cuts.ts'
import { compare, createEffects, effectsOf, writeEffect } from './effects.ts'
import { message } from './store.ts'

const numberOf = (one: OutgoingMessage) => (one.payload as { n: number }).n

const actor: CutActor = {
  options: { inbox: { retryDelaysMs: [0, 0] } },

  async seed({ pool }) {
    await createEffects(pool)
    await pool.query(
      `CREATE TABLE public.delivery (position bigint GENERATED ALWAYS AS IDENTITY, message json, arrived boolean DEFAULT false)`,
    )
    const messages = [
      message('a', 1),
      message('poison', 1),
      message('a', 2),
      message('poison', 2),
      message('a', 3),
    ]
    await pool.query('INSERT INTO public.delivery (message) SELECT unnest($1::json[])', [
      messages.map((one) => JSON.stringify(one)),
    ])
  },

  async run(durable) {
    await deliver(durable)
    const worker = new InboxWorker({
      durable,
      concurrency: 1,
      leaseMs: LEASE_MS,
      handlers: {
        consumer: async (tx, one) => {
          await writeEffect(tx, one)
          if (one.key === 'poison' && numberOf(one) === 1) throw new Error('poison')
        },
      },
    })
    for (;;) {
      const { rows } = await durable.pool.query('SELECT FROM durable.inbox_key')
      if (rows.length === 0) return
      if (!(await worker.pass())) await delay(20)
    }
  },

  async check({ pool, deadLetters }) {
    const even = compare(await effectsOf(pool, 'a'), [1, 2, 3])
    const behind = compare(await effectsOf(pool, 'poison'), [2])
    const letters = await deadLetters.list()
    return {
      lost: even.lost + behind.lost + (letters.length === 0 ? 1 : 0),
      doubled: even.doubled + behind.doubled + Math.max(0, letters.length - 1),
      disordered: even.disordered + behind.disordered,
    }
  },
}

/** Handlers of a transport's delivery: the second message of `a` fails here, and is tried by the worker. */
async function deliver({ pool, inbox }: Durable): Promise<void> {
  const { rows } = await pool.query(
    'SELECT position, message FROM public.delivery WHERE NOT arrived ORDER BY position',
  )
  for (const { position, message: given } of rows) {
    const one = { ...given, occurredAt: new Date(given.occurredAt) }
    await inbox.receive('consumer', one, async (tx) => {
      await writeEffect(tx, one)
      if (one.key === 'poison' || numberOf(one) === 2) throw new Error('not now')
    })
    await pool.query('UPDATE public.delivery SET arrived = true WHERE position = $1', [position])
  }
}

export default actor
