import { EmbeddedPostgres, transaction } from '@banyan/postgres'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { createStore, type Store, until } from '../testing/store.ts'
import { defineJob, defineSchedule } from './definition.ts'
import { Scheduler, type SchedulerOptions } from './scheduler.ts'

let server: EmbeddedPostgres
let store: Store
let schedulers: Scheduler[] = []
beforeAll(async () => {
  server = await EmbeddedPostgres.start()
  store = await createStore(server)
})
afterEach(async () => {
  await Promise.all(schedulers.map((scheduler) => scheduler.stop(0)))
  schedulers = []
})
afterAll(async () => {
  await store.close()
  await server.stop()
})

function run(options: Omit<SchedulerOptions, 'durable'>, durable = store.durable): Scheduler {
  const scheduler = new Scheduler({ durable, pollMs: 20, ...options })
  schedulers.push(scheduler)
  scheduler.start()
  return scheduler
}
const RETRY = { attempts: 3, firstMs: 5, maxMs: 5 }
const effects = async (key: string) => {
  const text = 'SELECT n FROM public.effect WHERE key = $1 ORDER BY position'
  return (await store.pool.query<{ n: number }>(text, [key])).rows.map((row) => row.n)
}
/** A job that writes its number; what is special about it is given. */
const note = (name: string, before = async (_n: number) => {}) =>
  defineJob({
    name,
    payload: z.object({ n: z.number() }),
    retry: RETRY,
    run: async ({ payload }, tx) => {
      await tx.query('INSERT INTO public.effect (key, n) VALUES ($1, $2)', [name, payload.n])
      await before(payload.n)
    },
  })

it('runs a job that was asked for in a transaction once that has committed, when it is due', async () => {
  const job = note('asked')
  const { jobs } = store.durable
  await transaction(store.pool, async (tx) => {
    await jobs.at(tx, job, new Date(Date.now() - 1_000), { n: 1 })
    await jobs.after(tx, job, 0, { n: 2 })
    await jobs.after(tx, job, 3_600_000, { n: 3 })
  })
  const rolledBack = transaction(store.pool, async (tx) => {
    await jobs.after(tx, job, 0, { n: 4 })
    throw new Error('no')
  })
  await expect(rolledBack).rejects.toThrow('no')
  const scheduler = run({ jobs: [job] })
  await until('two are done', () => scheduler.status().jobsDone === 2)
  expect(await effects('asked')).toEqual([1, 2])
  expect(await store.durable.scheduleAdmin.jobs({ name: 'asked' })).toMatchObject([
    { payload: { n: 3 }, attempts: 0 },
  ])
})

it('puts a job with a key off as often as it is asked for again, or keeps the first', async () => {
  const job = note('keyed')
  const { jobs, scheduleAdmin } = store.durable
  const waiting = async () =>
    (await scheduleAdmin.jobs({ name: 'keyed' })).map(({ key, payload }) => ({ key, payload }))
  for (const n of [1, 2, 3]) await jobs.after(store.pool, job, 60_000, { n }, { key: 'a' })
  await jobs.after(store.pool, job, 0, { n: 4 }, { key: 'a', existing: 'keep' })
  expect(await waiting()).toEqual([{ key: 'a', payload: { n: 3 } }])
  expect(await jobs.cancel(store.pool, job, 'a')).toBe(true)
  expect(await jobs.cancel(store.pool, job, 'a')).toBe(false)
  const many = [1, 2, 3].map((n) => ({ waitMs: 60_000, payload: { n }, key: 'b' }))
  await jobs.addMany(store.pool, job, many)
  expect(await waiting()).toEqual([{ key: 'b', payload: { n: 3 } }])
})

it('refuses a payload that does not fit, naming the field', async () => {
  const bad = store.durable.jobs.after(store.pool, note('strict'), 0, { n: 'x' as never })
  await expect(bad).rejects.toThrow(/Job "strict": n: .*expected number/)
})

it('leaves nothing of an attempt that failed, and its neighbours in peace', async () => {
  let failures = 0
  const job = note('failing', async (n) => {
    if (n % 10 === 4 && failures++ < 10) throw new Error(`not ${n}`)
  })
  const wanted = Array.from({ length: 40 }, (_, n) => ({ waitMs: 0, payload: { n } }))
  await store.durable.jobs.addMany(store.pool, job, wanted)
  const problems: string[] = []
  const scheduler = run({ jobs: [job], onProblem: (error) => problems.push(error.message) })
  await until('all have ended', async () => {
    const dead = await store.durable.deadLetters.list({ source: 'failing' })
    return scheduler.status().jobsDone + dead.length === 40
  })
  const done = await effects('failing')
  expect(new Set(done).size).toBe(done.length)
  expect(failures).toBeGreaterThanOrEqual(10)
  expect(problems[0]).toMatch(/^Job failing \d+: Error: not /)
})

it('makes a dead letter of a job that fails as often as it may, which is redriven as new', async () => {
  let works = false
  let attempts = 0
  const job = note('dying', async () => {
    attempts++
    if (!works) throw new Error('never')
  })
  await store.durable.jobs.after(store.pool, job, 0, { n: 1 }, { key: 'k' })
  run({ jobs: [job] })
  const { deadLetters } = store.durable
  const dead = () => deadLetters.list({ kind: 'schedule', source: 'dying' })
  await until('it is dead', async () => (await dead()).length === 1)
  expect(attempts).toBe(3)
  const [letter] = await dead()
  expect(letter).toMatchObject({ subject: 'job', key: 'k', attempts: 3, error: 'Error: never' })
  expect(await effects('dying')).toEqual([])
  works = true
  await deadLetters.redrive(letter!.id)
  await until('it is done', async () => (await effects('dying')).length === 1)
  expect(await dead()).toEqual([])
})

it('cuts off a job that takes too long, with the statement that it waits for', async () => {
  let attempts = 0
  const job = defineJob({
    name: 'slow',
    payload: z.null(),
    timeoutMs: 100,
    retry: RETRY,
    run: async ({ signal }, tx) => {
      if (++attempts > 1) return
      signal.addEventListener('abort', () => attempts++)
      await tx.query('SELECT pg_sleep(600)')
    },
  })
  await store.durable.jobs.after(store.pool, job, 0, null)
  const scheduler = run({ jobs: [job] })
  await until('it is done', () => scheduler.status().jobsDone === 1)
  expect(attempts).toBe(3)
})

it('runs each due time once, though several schedulers run', async () => {
  const other = await store.another()
  const tick = () =>
    defineSchedule({
      name: 'tick',
      everyMs: 100,
      run: async ({ dueAt }, tx) => {
        const n = (dueAt.getTime() / 100) % 1_000_000
        await tx.query(`INSERT INTO public.effect (key, n) VALUES ('tick', $1)`, [n])
      },
    })
  for (const durable of [store.durable, other, store.durable, other]) {
    run({ schedules: [tick()] }, durable)
  }
  await until('it has run often', async () => (await effects('tick')).length > 10)
  await Promise.all(schedulers.map((scheduler) => scheduler.stop()))
  const runs = (await effects('tick')).sort((a, b) => a - b)
  expect(runs).toEqual(runs.map((_, i) => runs[0]! + i))
  const [summary] = await store.durable.scheduleAdmin.list()
  expect(summary).toMatchObject({ name: 'tick', timing: 'every 100 ms', dead: 0 })
  expect(summary!.lastDoneAt).not.toBeNull()
})

it('makes up for what was missed while no scheduler ran, and starts anew when its times change', async () => {
  const runs: Date[] = []
  const daily = (cron: string) =>
    defineSchedule({
      name: 'daily',
      cron,
      misfire: 'all',
      run: async ({ dueAt }) => {
        runs.push(dueAt)
      },
    })
  run({ schedules: [daily('0 3 * * *')] })
  const next = async () =>
    (await store.durable.scheduleAdmin.list()).find(({ name }) => name === 'daily')?.nextRunAt
  await until('it is known', async () => (await next()) !== undefined)
  await schedulers[0]!.stop()
  await store.pool.query(
    `UPDATE durable.schedule SET next_run_at = next_run_at - interval '3 days' WHERE name = 'daily'`,
  )
  const again = run({ schedules: [daily('0 3 * * *')] })
  await until('three are done', () => again.status().jobsDone === 3)
  await again.stop()
  expect(runs.map((at) => at.getUTCHours())).toEqual([3, 3, 3])
  expect((await next())!.getTime()).toBeGreaterThan(Date.now())
  run({ schedules: [daily('0 4 * * *')] })
  await until('it has the new time', async () => (await next())!.getUTCHours() === 4)
})

it('runs what is due at a moment between two milliseconds, of which a process knows no more than those', async () => {
  const hourly = defineSchedule({
    name: 'between',
    everyMs: 3_600_000,
    misfire: 'once',
    run: async (_, tx) => {
      await tx.query(`INSERT INTO public.effect (key, n) VALUES ('between', 1)`)
    },
  })
  run({ schedules: [hourly] })
  const between = `UPDATE durable.schedule
    SET next_run_at = date_trunc('hour', now()) - interval '3599.999877 s' WHERE name = 'between'`
  await until('it is due', async () => (await store.pool.query(between)).rowCount === 1)
  await until('it has run', async () => (await effects('between')).length === 1)
})

it('forgets a schedule that nobody names any more, with its runs that wait', async () => {
  const failing = defineSchedule({
    name: 'forgotten',
    everyMs: 100,
    retry: { attempts: 1_000, firstMs: 60_000, maxMs: 60_000 },
    run: async () => {
      throw new Error('no')
    },
  })
  const first = run({ schedules: [failing] })
  await until('one waits', () => first.status().attemptsFailed > 0)
  await first.stop()
  expect(await store.durable.scheduleAdmin.jobs({ name: 'forgotten', failures: 1 })).not.toEqual([])
  run({ forgetMs: 10 })
  await until('it is forgotten', async () => {
    const names = (await store.durable.scheduleAdmin.list()).map(({ name }) => name)
    return !names.includes('forgotten')
  })
  expect(await store.durable.scheduleAdmin.jobs({ name: 'forgotten' })).toEqual([])
})

it('counts an attempt for jobs whose process ended in the middle, and runs them by themselves', async () => {
  const job = note('killer')
  const wanted = [1, 2].map((n) => ({ waitMs: 0, payload: { n } }))
  await store.durable.jobs.addMany(store.pool, job, wanted)
  // As such a process leaves it: its transaction is gone, what it announced is not.
  await store.pool.query(
    `INSERT INTO durable.job_group (id, jobs, taken_at)
     SELECT gen_random_uuid(), array_agg(id), now() - interval '1 hour' FROM durable.job
     WHERE name = 'killer'`,
  )
  const seen: number[] = []
  const watched = defineJob({
    name: 'killer',
    payload: z.object({ n: z.number() }),
    run: async ({ attempt }) => {
      seen.push(attempt)
    },
  })
  const scheduler = run({ jobs: [watched] })
  await until('both are done', () => scheduler.status().jobsDone === 2)
  expect(seen).toEqual([2, 2])
  const { rows } = await store.pool.query('SELECT FROM durable.job_group')
  expect(rows).toEqual([])
})

it('is refused when two definitions have one name', () => {
  const jobs = [note('same'), note('same')]
  expect(() => new Scheduler({ durable: store.durable, jobs })).toThrow('same, same')
})
