/** A schedule that missed runs and is to make up for each, jobs, and one that fails each time. */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Durable } from '../durable.ts'
import { defineJob, defineSchedule } from '../schedule/definition.ts'
import { Scheduler } from '../schedule/scheduler.ts'
import type { CutActor } from './cuts.ts'
import { compare, createEffects, effectsOf } from './effects.ts'

const FIRST_YEAR = 2020
const NUMBERS = [1, 2, 3]

const yearly = defineSchedule({
  name: 'yearly',
  cron: '0 0 1 1 *',
  misfire: 'all',
  run: async ({ dueAt }, tx) => {
    const values = ['yearly', dueAt.getUTCFullYear()]
    await tx.query('INSERT INTO public.effect (key, n) VALUES ($1, $2)', values)
  },
})

const job = defineJob({
  name: 'job',
  payload: z.object({ key: z.string(), n: z.number() }),
  retry: { attempts: 3, firstMs: 0, maxMs: 0 },
  run: async ({ payload }, tx) => {
    const values = [payload.key, payload.n]
    await tx.query('INSERT INTO public.effect (key, n) VALUES ($1, $2)', values)
    if (payload.key === 'poison') throw new Error('poison')
  },
})

const actor: CutActor = {
  async seed({ pool, jobs }) {
    await createEffects(pool)
    await pool.query(
      `INSERT INTO durable.schedule (name, timing, next_run_at) VALUES ('yearly', $1, $2)`,
      [yearly.timing.text, new Date(Date.UTC(FIRST_YEAR, 0, 1))],
    )
    const payloads = [...NUMBERS.map((n) => ({ key: 'good', n })), { key: 'poison', n: 1 }]
    await jobs.addMany(
      pool,
      job,
      payloads.map((payload, n) => ({ payload, waitMs: n - 1_000 })),
    )
  },

  async run(durable: Durable) {
    const scheduler = new Scheduler({
      durable,
      schedules: [yearly],
      jobs: [job],
      silenceMs: 1_000,
    })
    for (;;) {
      const some = await scheduler.pass()
      const { rows } = await durable.pool.query('SELECT FROM durable.job LIMIT 1')
      if (rows.length === 0) return
      if (!some) await delay(20)
    }
  },

  async check({ pool, deadLetters, scheduleAdmin }) {
    const years = new Date().getUTCFullYear() - FIRST_YEAR + 1
    const runs = compare(
      (await effectsOf(pool, 'yearly')).sort((a, b) => a - b),
      Array.from({ length: years }, (_, i) => FIRST_YEAR + i),
    )
    const good = compare(await effectsOf(pool, 'good'), NUMBERS)
    const poison = compare(await effectsOf(pool, 'poison'), [])
    const letters = (await deadLetters.list({ kind: 'schedule' })).length
    const [schedule] = await scheduleAdmin.list()
    return {
      lost: runs.lost + good.lost + (letters === 0 ? 1 : 0) + (schedule?.waiting ?? 1),
      doubled: runs.doubled + good.doubled + poison.doubled + Math.max(0, letters - 1),
    }
  },
}

export default actor
