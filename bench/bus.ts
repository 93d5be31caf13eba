/**
 * How many events a second go the whole way over PostgreSQL: a transaction of one service writes them
 * to its outbox, its relay hands them to the transport, and another service's handler writes a row in
 * the transaction of its inbox. One server, default durability, one process.
 *
 *   npm run bench:bus -- [events] [live]
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Bus, defineEvent, openPostgresTransport } from '@banyan/bus'
import { openDurable } from '@banyan/durable'
import { createPool, EmbeddedPostgres, transaction } from '@banyan/postgres'
import { z } from 'zod'

const EVENTS = Number(process.argv[2] ?? 30_000)
const KEYS = 1_000
const PER_TRANSACTION = 100

const Changed = defineEvent({
  type: 'thing.changed',
  version: 1,
  payload: z.object({ n: z.number(), text: z.string() }),
})

const server = await EmbeddedPostgres.start()
const busUrl = await server.createDatabase('bus')
const said = new Set<string>()

async function service(name: string) {
  const pool = createPool(await server.createDatabase(name), { name, max: 10 })
  const durable = await openDurable(pool)
  const bus = new Bus({
    source: name,
    durable,
    transport: await openPostgresTransport({ url: busUrl }),
    publishes: [Changed],
    onProblem: (error) => said.add(error.message),
  })
  return { pool, durable, bus }
}

const from = await service('publisher')
const to = await service('consumer')
await to.pool.query('CREATE TABLE public.handled (n bigint, at timestamptz DEFAULT now())')
let handled = 0
to.bus.subscribe({
  consumer: 'bench',
  events: [Changed],
  handler: async ({ payload }, { tx }) => {
    await tx.query('INSERT INTO public.handled (n) VALUES ($1)', [payload.n])
    handled++
  },
})
// The group must stand, or what is published goes to nobody.
await to.bus.start()

async function write(first: number): Promise<void> {
  const events = Array.from({ length: PER_TRANSACTION }, (_, i) => {
    const n = first + i
    return { event: Changed.of({ n, text: 'x'.repeat(200) }), key: `key-${n % KEYS}` }
  })
  await transaction(from.pool, (tx) => from.bus.publishAll(tx, events))
}

async function measure(what: string, prefilled: boolean): Promise<void> {
  handled = 0
  let next = 0
  const writers = async () => {
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        while (next < EVENTS) {
          const first = next
          next += PER_TRANSACTION
          await write(first)
        }
      }),
    )
  }
  if (prefilled) await writers()
  const began = performance.now()
  await from.bus.start()
  if (!prefilled) await writers()
  const written = performance.now()
  while (handled < EVENTS) await delay(5)
  const s = (performance.now() - began) / 1000
  const writing = prefilled ? '' : `, written in ${((written - began) / 1000).toFixed(1)} s`
  console.log(
    `${what}: ${Math.round(EVENTS / s)} events/s (${EVENTS} in ${s.toFixed(1)} s${writing})`,
  )
}

if (process.argv[3] !== 'live') await measure('outbox full at the start', true)
else await measure('written meanwhile', false)
for (const message of said) console.error(message)
await from.bus.stop()
await to.bus.stop()
for (const { durable, pool } of [from, to]) {
  await durable.close()
  await pool.end()
}
await server.stop()
