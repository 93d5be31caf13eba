import {
  defineJob,
  defineSaga,
  defineSchedule,
  openDurable,
  SagaRunner,
  Scheduler,
  Unprocessable,
} from '@banyan/durable'
import { createPool, transaction } from '@banyan/postgres'
import { z } from 'zod'

type Pay = (cents: number, idempotencyKey: string, signal: AbortSignal) => Promise<string>

/** A place is kept, the card is charged, the ticket written; if the card is refused, the place is free. */
const bookingSaga = (pay: Pay) =>
  defineSaga({
    name: 'booking',
    version: 1,
    input: z.object({ guest: z.string(), cents: z.number().int() }),
    steps: (saga) =>
      saga
        .step('place', {
          // Rows: they commit together with the record that the step is done.
          transact: async ({ input }, tx) => {
            await tx.query('INSERT INTO public.place (guest) VALUES ($1)', [input.guest])
          },
          compensate: async ({ input }, tx) => {
            await tx.query('DELETE FROM public.place WHERE guest = $1', [input.guest])
          },
        })
        .step('charge', {
          // A call: it is registered before it is made, and made again with the same key.
          invoke: async ({ input, idempotencyKey, signal }) => ({
            receipt: await pay(input.cents, idempotencyKey, signal),
          }),
          // `output` is undefined when it is not known whether the call took effect.
          compensate: async ({ idempotencyKey, signal }) => {
            await pay(0, `back ${idempotencyKey}`, signal)
          },
        })
        .step('ticket', {
          transact: async ({ input, outputs }, tx) => {
            const values = [input.guest, outputs.charge.receipt]
            await tx.query('INSERT INTO public.ticket (guest, receipt) VALUES ($1, $2)', values)
          },
        }),
  })

const remind = defineJob({
  name: 'remind',
  payload: z.object({ guest: z.string() }),
  run: async ({ payload }, tx) => {
    await tx.query('UPDATE public.ticket SET reminded = true WHERE guest = $1', [payload.guest])
  },
})

const nightly = defineSchedule({
  name: 'forget old tickets',
  cron: '0 3 * * *',
  timeZone: 'Europe/Berlin',
  misfire: 'once',
  run: async (_, tx) => {
    await tx.query(`DELETE FROM public.ticket WHERE bought_at < now() - interval '1 year'`)
  },
})

export async function main(url: string): Promise<string[]> {
  const pool = createPool(url, { name: 'bookings', max: 10 })
  await pool.query(`CREATE TABLE public.place (guest text);
    CREATE TABLE public.ticket (guest text, receipt text, reminded boolean DEFAULT false,
      bought_at timestamptz DEFAULT now())`)
  const durable = await openDurable(pool)
  const booking = bookingSaga(async (cents) => {
    if (cents > 1_000) throw new Unprocessable('no cover')
    return `${cents} cents`
  })
  const runner = new SagaRunner({ durable, sagas: [booking] })
  const scheduler = new Scheduler({ durable, schedules: [nightly], jobs: [remind] })
  runner.start()

  // Both sagas and the reminder, or nothing, when this commits.
  const ids = await transaction(pool, async (tx) => {
    const ann = await durable.sagas.start(tx, booking, { guest: 'Ann', cents: 700 }, { key: 'a' })
    const bob = await durable.sagas.start(tx, booking, { guest: 'Bob', cents: 9_000 })
    await durable.jobs.after(tx, remind, 50, { guest: 'Ann' }, { key: 'Ann' })
    return [ann.id, bob.id]
  })
  const states = async () =>
    Promise.all(ids.map(async (id) => (await durable.sagaAdmin.show(id)).state))
  while ((await states()).includes('running')) await new Promise((go) => setTimeout(go, 20))
  while ((await states()).includes('compensating')) await new Promise((go) => setTimeout(go, 20))
  scheduler.start()
  while (scheduler.status().jobsDone < 1) await new Promise((go) => setTimeout(go, 20))
  await Promise.all([runner.stop(), scheduler.stop()])
  const { rows } = await pool.query<{ line: string }>(
    `SELECT guest || ' ' || receipt || CASE WHEN reminded THEN ', reminded' ELSE '' END AS line
     FROM public.ticket UNION ALL SELECT 'place of ' || guest FROM public.place`,
  )
  const ended = await states()
  await durable.close()
  await pool.end()
  return [...ended, ...rows.map((row) => row.line)]
}
