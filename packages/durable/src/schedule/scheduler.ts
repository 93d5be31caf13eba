import type { Queryable } from '@banyan/postgres'
import { CutOff } from '../deadline.ts'
import type { Durable } from '../durable.ts'
import type { DueSql } from '../lookout.ts'
import { Loop } from '../loop.ts'
import { messageId } from '../messages.ts'
import { errorText, Unprocessable } from '../retry.ts'
import { backoff } from '../saga/progress.ts'
import { runTogether, type Together } from '../together.ts'
import { Agenda } from './agenda.ts'
import type { JobDefinition, Runner, ScheduleDefinition } from './definition.ts'
import { GroupSize } from './group-size.ts'
import { JobStore, type TakenJob } from './store.ts'

export interface SchedulerOptions {
  readonly durable: Durable
  /** All that the service has: one that no scheduler of the schema names is forgotten. */
  readonly schedules?: readonly ScheduleDefinition[]
  readonly jobs?: readonly JobDefinition[]
  /** Groups of jobs at once, each with a connection of the pool; 2 by default. While none runs, one of them looks for any. */
  readonly connections?: number
  /** Jobs at most in one transaction, however quick they are; 2,000 by default. */
  readonly groupSize?: number
  /** Looks for due jobs and schedules at least this often, ms; 500 by default. */
  readonly pollMs?: number
  /** A process that says nothing for longer, ms, in the middle of jobs has lost them; 30,000 by default. */
  readonly silenceMs?: number
  /** A schedule that no scheduler has named for longer, ms, is deleted; 10 minutes by default. */
  readonly forgetMs?: number
  /** Put around each attempt, inside its transaction: for logs and traces. */
  readonly around?: AroundJob
  /** Told of each attempt that failed. */
  readonly onProblem?: (error: Error) => void
}

/** An attempt at a job. */
export interface JobRun {
  readonly job: string
  readonly id: string
  /** 1 in the first attempt. */
  readonly attempt: number
  readonly headers: Readonly<Record<string, string>>
}

export type AroundJob = (job: JobRun, run: () => Promise<void>) => Promise<void>

export interface SchedulerStatus {
  readonly state: 'idle' | 'running' | 'stopping' | 'stopped'
  /** Since the start. */
  readonly jobsDone: number
  readonly attemptsFailed: number
}

/** A job that was picked; null where somebody else was quicker. */
interface Held {
  readonly id: string
  job: TakenJob | null
}

/** Jobs that failed before come to their turn at least so often, however many others are due. */
const TRY_AGAIN_EVERY_MS = 50

/** A group that took all there was has not ended by then, ms: what comes meanwhile is looked for by others. */
const HELPED_AFTER_MS = 20

/** Runs schedules and jobs. Several may run at once: each due time, each job is run by one of them. */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #agenda: Agenda
  readonly #store: JobStore
  readonly #runners: ReadonlyMap<string, Runner>
  readonly #loops: readonly Loop[]
  readonly #cutOff = new CutOff()
  readonly #groupSize: GroupSize
  readonly #report: (error: Error) => void
  readonly #silenceMs: number
  readonly #forgetMs: number
  readonly #tellEveryMs: number
  readonly #pollMs: number
  #state: SchedulerStatus['state'] = 'idle'
  /** Groups that were announced and not withdrawn. */
  #leftOver: string[] = []
  #houseKept = false
  /** Groups that are being worked on. */
  #working = 0
  #jobsDone = 0
  #attemptsFailed = 0
  #plannedAt = Number.NEGATIVE_INFINITY
  #toldAt = Number.NEGATIVE_INFINITY
  #countedAt = Number.NEGATIVE_INFINITY
  #triedAgainAt = Number.NEGATIVE_INFINITY

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
    this.#silenceMs = options.silenceMs ?? 30_000
    this.#forgetMs = options.forgetMs ?? 600_000
    this.#tellEveryMs = Math.min(30_000, this.#forgetMs / 3)
    this.#pollMs = options.pollMs ?? 500
    this.#groupSize = new GroupSize(options.groupSize ?? 2_000)
    this.#store = new JobStore(durable)
    this.#agenda = new Agenda(durable, schedules)
    this.#loops = Array.from({ length: options.connections ?? 2 }, (_, i) => {
      const pass = async () => {
        // One of them looks after what happens now and then; before the first time nobody takes a job
        // that may have ended its process.
        if (i === 0 || !this.#houseKept) await this.#keepHouse()
        return this.#runDue()
      }
      return new Loop({
        durable,
        topic: 'schedule',
        pollMs: this.#pollMs,
        onProblem: this.#report,
        pass,
        due: (value) => this.#due(value),
        ...(i === 0
          ? { choreInMs: () => this.#toldAt + this.#tellEveryMs - performance.now() }
          : { needed: () => this.#working > 0 }),
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
    const timer = setTimeout(() => this.#cutOff.end(), graceMs)
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

  /** Does once what it does all the time when it is started. @returns whether there was a job to run. */
  async pass(): Promise<boolean> {
    this.#toldAt = this.#countedAt = this.#plannedAt = Number.NEGATIVE_INFINITY
    await this.#keepHouse()
    return this.#runDue()
  }

  /** Until a job or a schedule is due, or a group of jobs counts as abandoned. */
  #due(value: Parameters<DueSql>[0]): string {
    const jobs = this.#store.dueAt(value([...this.#runners.keys()]))
    const abandoned = this.#store.abandonedAt(value(this.#silenceMs))
    const schedules = this.#agenda.dueAt(value)
    return `SELECT extract(epoch FROM least(${jobs}, ${abandoned}, ${schedules}) - now()) * 1000`
  }

  async #keepHouse(): Promise<void> {
    const now = performance.now()
    if (now - this.#toldAt >= this.#tellEveryMs) {
      await this.#agenda.tell(this.#forgetMs)
      this.#toldAt = now
    }
    if (now - this.#countedAt > this.#silenceMs / 4) {
      await this.#store.countAbandoned(this.#silenceMs)
      this.#countedAt = now
    }
    if (now - this.#plannedAt >= Math.min(this.#pollMs, 100)) {
      await this.#agenda.plan()
      this.#plannedAt = now
    }
    this.#houseKept = true
  }

  async #runDue(): Promise<boolean> {
    const first = await this.#runGroup(this.#groupSize.size)
    if (!first) return false
    // While there is other work, now and then: looking costs as much as a whole group does.
    const tried = performance.now() - this.#triedAgainAt < TRY_AGAIN_EVERY_MS
    if (first.again || (first.ran && tried)) return first.ran
    const second = await this.#runGroup(0)
    return first.ran || second?.ran === true
  }

  /** At most so many jobs, or where there are none, one that failed before. @returns null when nothing is due. */
  async #runGroup(limit: number): Promise<{ again: boolean; ran: boolean } | null> {
    const { pool } = this.#options.durable
    // Of transactions that an outage ended: their jobs are free, and have not failed.
    await this.#store.withdraw(pool, this.#leftOver)
    this.#leftOver = []
    const group = messageId()
    const picked = await this.#store.pick(group, [...this.#runners.keys()], limit)
    if (!picked || picked.again) this.#triedAgainAt = performance.now()
    if (!picked) return null
    const { ids, again } = picked
    const began = performance.now()
    this.#working++
    const wakeAll = () => {
      for (const loop of this.#loops) loop.wake()
    }
    if (ids.length >= limit) wakeAll()
    const helped = setTimeout(wakeAll, HELPED_AFTER_MS)
    try {
      const held = ids.map((id): Held => ({ id, job: null }))
      const outcome = await runTogether(pool, held, this.#work(group, held.length))
      if (!again) this.#groupSize.took(ids.length, performance.now() - began)
      this.#jobsDone += outcome.done.length
      const failed = outcome.failed.flatMap(({ item: { job }, error }) =>
        job ? [{ job, error }] : [],
      )
      if (failed.length > 0) await this.#fail(failed)
      // It went with the transaction, if that held them all.
      if (outcome.done.length < ids.length) await this.#store.withdraw(pool, [group])
      return { again, ran: outcome.done.length + failed.length > 0 }
    } catch (error) {
      this.#leftOver.push(group)
      throw error
    } finally {
      clearTimeout(helped)
      this.#working--
    }
  }

  #work(group: string, size: number): Together<Held> {
    return {
      idleMs: this.#silenceMs,
      take: async (tx, held) => {
        const jobs = await this.#store.take(
          tx,
          held.map(({ id }) => id),
        )
        const byId = new Map(jobs.map((job) => [job.id, job]))
        for (const each of held) each.job = byId.get(each.id) ?? null
        return held.filter(({ job }) => job !== null)
      },
      run: ({ job }, tx) => this.#run(job!, tx),
      finish: async (tx, held) => {
        await this.#store.finish(
          tx,
          held.map(({ job }) => job!),
          held.length === size ? [group] : [],
        )
        return []
      },
    }
  }

  #run(job: TakenJob, tx: Queryable): Promise<void> {
    const runner = this.#runners.get(job.name)!
    const { around } = this.#options
    return this.#cutOff.within(runner.timeoutMs, `Job "${job.name}"`, (limit) => {
      if (!around) return runner.run(job, limit, tx)
      const { name, id, headers } = job
      return around({ job: name, id, attempt: job.attempts + 1, headers }, async () =>
        runner.run(job, limit, tx),
      )
    })
  }

  async #fail(failures: readonly { job: TakenJob; error: unknown }[]): Promise<void> {
    this.#attemptsFailed += failures.length
    const failed = failures.map(({ job, error }) => {
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
