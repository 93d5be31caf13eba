/** A relay between an outbox and a transport; the transport's consumer has an inbox. */
import { setTimeout as delay } from 'node:timers/promises'
import { OutboxRelay } from '../relay.ts'
import { type CutActor, LEASE_MS } from './cuts.ts'
import { compare, createEffects, effectsOf, writeEffect } from './effects.ts'
import { message } from './store.ts'

const KEYS = ['a', 'b', 'c']
const NUMBERS = [1, 2, 3]

const actor: CutActor = {
  async seed({ pool, outbox }) {
    await createEffects(pool)
    await pool.query(
      `CREATE TABLE public.sent (position bigint GENERATED ALWAYS AS IDENTITY, message json)`,
    )
    for (const n of NUMBERS) {
      await outbox.write(
        pool,
        KEYS.map((key) => message(key, n)),
      )
    }
  },

  async run(durable) {
    const { pool, outbox } = durable
    const relay = new OutboxRelay({
      durable,
      batchSize: 4,
      concurrency: 1,
      leaseMs: LEASE_MS,
      send: async (batch) => {
        await pool.query('INSERT INTO public.sent (message) SELECT unnest($1::json[])', [
          batch.map((one) => JSON.stringify(one)),
        ])
      },
    })
    while ((await outbox.depth()).messages > 0) if (!(await relay.pass())) await delay(20)
  },

  async check({ pool, inbox }) {
    const { rows } = await pool.query('SELECT message FROM public.sent ORDER BY position')
    for (const { message: sent } of rows) {
      const received = { ...sent, occurredAt: new Date(sent.occurredAt) }
      await inbox.receive('consumer', received, writeEffect)
    }
    const total = { lost: 0, doubled: 0, disordered: 0 }
    for (const key of KEYS) {
      const { lost, doubled, disordered } = compare(await effectsOf(pool, key), NUMBERS)
      total.lost += lost
      total.doubled += doubled
      total.disordered += disordered
    }
    return total
  },
}

export default actor
