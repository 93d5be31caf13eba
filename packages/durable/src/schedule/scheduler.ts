import type { Queryable } from '@banyan/postgres'
import { within } from '../deadline.ts'
import type { Durable } from '../durable.ts'
import { Loop } from '../loop.ts'
import { messageId } from '../messages.ts'
import { errorText, Unprocessable } from '../retry.ts'
import { backoff } from '../saga/progress.ts'
import { runTogether, type Together } from '../together.ts'
import { Agenda } from './agenda.ts'
import type { JobDefinition, Runner, ScheduleDefinition } from './definition.ts'
import { JobStore, type Kind, type TakenJob } from './store.ts'

export interface SchedulerOptions {
  readonly durable: Durable
  /** All that the service has: one that no scheduler of the schema names is forgotten. */
  readonly schedules?: readonly ScheduleDefinition[]
  readonly jobs?: readonly JobDefinition[]
  /** Groups of jobs at once, each with a connection of the pool; 2 by default. */
  readonly connections?: number
  /** Jobs at most in one transaction; 500 by default. */
  readonly groupSize?: number
  /** Looks for due jobs and schedules at least this often, ms; 500 by default. */
  readonly pollMs?: number
  /** A process that says nothing for longer, ms, in the middle of jobs has lost them; 60,000 by default. */
  readonly silenceMs?: number
  /** A schedule that no scheduler has named for longer, ms, is deleted; 10 minutes by default. */
  readonly forgetMs?: number
  /** Told of each attempt that failed. */
  readonly onProblem?: (error: Error) => void
}

export interface SchedulerStatus {
  readonly state: 'idle' | 'running' | 'stopping' | 'stopped'
  /** Since the start. */
  readonly jobsDone: number
  readonly attemptsFailed: number
}

/** Runs schedules and jobs. Several may run at once: each due time, each job is run by one of them. */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #agenda: Agenda
  readonly #store: JobStore
  readonly #runners: ReadonlyMap<string, Runner>
  readonly #loops: readonly Loop[]
  readonly #cutOff = new AbortController()
  readonly #report: (error: Error) => void
  readonly #silenceMs: number
  readonly #pollMs: number
  #state: SchedulerStatus['state'] = 'idle'
  /** Groups that were announced and not withdrawn. */
  #leftOver: string[] = []
  #houseKept = false
  #jobsDone = 0
  #attemptsFailed = 0
  #plannedAt = Number.NEGATIVE_INFINITY
  #toldAt = Number.NEGATIVE_INFINITY

  /** @throws an Error when two definitions have one name. */
  constructor(options: SchedulerOptions) {
    this.#options = options
    const { durable, schedules = [], jobs = [] } = options
    const definitions = [...schedules, ...jobs]
    this.#runners = new Map(definitions.map(({ name, runner }) => [name, runner]))
    if (this.#runners.size < definitions.length) {
      const names = definitions.map(({ name }) => name).join(', ')
      throw new Error(`Two schedules or jobs have one name: ${names}.`)
    }
    this.#report = options.onProblem ?? (() => {})
    this.#silenceMs = options.silenceMs ?? 60_000
    this.#pollMs = options.pollMs ?? 500
    this.#store = new JobStore(durable)
    this.#agenda = new Agenda(durable, schedules)
    this.#loops = Array.from({ length: options.connections ?? 2 }, (_, i) => {
      const pass = async () => {
        // One of them looks after what happens now and then; before the first time nobody takes a job
        // that may have ended its process.
        if (i === 0 || !this.#houseKept) await this.#keepHouse()
        this.#houseKept = true
        const fresh = await this.#runGroup('fresh', options.groupSize ?? 500)
        // By itself, or it would drag others along, or down with it.
        const again = await this.#runGroup('failed before', 1)
        return fresh || again
      }
      return new Loop({
        tables: durable,
        waker: durable.waker,
        topic: 'schedule',
        pollMs: this.#pollMs,
        onProblem: this.#report,
        pass,
      })
    })
  }

  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'running'
    for (const loop of this.#loops) loop.start()
  }

  /** Lets jobs that run end; after `graceMs` they are cut off, as if they had failed. */
  async stop(graceMs = 30_000): Promise<void> {
    if (this.#state === 'idle') this.#state = 'stopped'
    if (this.#state !== 'running') return
    this.#state = 'stopping'
    const timer = setTimeout(() => this.#cutOff.abort(), graceMs)
    await Promise.all(this.#loops.map((loop) => loop.stop()))
    clearTimeout(timer)
    this.#state = 'stopped'
  }

  status(): SchedulerStatus {
    return {
      state: this.#state,
      jobsDone: this.#jobsDone,
      attemptsFailed: this.#attemptsFailed,
    }
  }

  async #keepHouse(): Promise<void> {
    const now = performance.now()
    const { forgetMs = 600_000 } = this.#options
    if (now - this.#toldAt > Math.min(30_000, forgetMs / 3, this.#silenceMs / 2)) {
      await this.#agenda.tell(forgetMs)
      await this.#store.countAbandoned(this.#silenceMs)
      this.#toldAt = now
    }
    if (now - this.#plannedAt >= Math.min(this.#pollMs, 100)) {
      await this.#agenda.plan()
      this.#plannedAt = now
    }
  }

  /** @returns whether there were any. */
  async #runGroup(kind: Kind, limit: number): Promise<boolean> {
    const { pool } = this.#options.durable
    // Of transactions that an outage ended: their jobs are free, and have not failed.
    await this.#store.withdraw(pool, this.#leftOver)
    this.#leftOver = []
    const groups: string[] = []
    try {
      const outcome = await runTogether<TakenJob>(pool, null, this.#work(kind, limit, groups))
      this.#jobsDone += outcome.done.length
      if (outcome.failed.length > 0) await this.#fail(outcome.failed)
      // The first one is gone with its transaction, if that was the only one.
      if (groups.length > 1 || outcome.failed.length > 0) await this.#store.withdraw(pool, groups)
      return outcome.done.length + outcome.failed.length > 0
    } catch (error) {
      this.#leftOver.push(...groups)
      throw error
    }
  }

  #work(kind: Kind, limit: number, groups: string[]): Together<TakenJob> {
    const names = [...this.#runners.keys()]
    return {
      idleMs: this.#silenceMs,
      take: async (tx, again) => {
        const jobs = again
          ? await this.#store.takeAgain(tx, again)
          : await this.#store.take(tx, kind, names, limit)
        if (jobs.length === 0) return jobs
        groups.push(messageId())
        await this.#store.announce(groups.at(-1)!, jobs)
        return jobs
      },
      run: (job, tx) => this.#run(job, tx),
      finish: async (tx, jobs) => {
        if (jobs.length === 0) return []
        await this.#store.finish(tx, jobs)
        await this.#store.withdraw(tx, groups.slice(-1))
        return []
      },
    }
  }

  async #run(job: TakenJob, tx: Queryable): Promise<void> {
    const { timeoutMs, run } = this.#runners.get(job.name)!
    const what = `Job "${job.name}"`
    await within(timeoutMs, what, this.#cutOff.signal, (signal) =>
      run(
        {
          id: job.id,
          payload: job.payload,
          dueAt: job.occurrence ?? job.dueAt,
          attempt: job.attempts + 1,
          signal,
        },
        tx,
      ),
    )
  }

  async #fail(failures: readonly { item: TakenJob; error: unknown }[]): Promise<void> {
    this.#attemptsFailed += failures.length
    const failed = failures.map(({ item: job, error }) => {
      this.#report(new Error(`Job ${job.name} ${job.id}: ${errorText(error)}`, { cause: error }))
      const { retry } = this.#runners.get(job.name)!
      const attempts = job.attempts + 1
      const hopeless = attempts >= retry.attempts || error instanceof Unprocessable
      const waitMs = hopeless ? null : backoff(retry, attempts)
      return { job, error: errorText(error), waitMs }
    })
    await this.#store.fail(failed)
  }
}
