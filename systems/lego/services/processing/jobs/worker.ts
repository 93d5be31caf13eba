import { claim, claimSql, errorText, Lease, type Tables } from '@banyan/durable'
import { rootCause } from '@banyan/service'
import { Catalogue } from '../catalogue/catalogue.ts'
import { PartListRefused } from '../formats/refusal.ts'
import { FileUnreachable } from './input.ts'
import { runJob } from './run-job.ts'
import { CLAIMABLE, type ClaimedJob, ClaimedJobStore, type Context, JobLost } from './store.ts'

/** How long a job stays a process's own without a sign of life, ms. */
const LEASE_MS = 15_000
/** How often jobs are looked for when there was none, but lately, ms; and when there was none for long. */
const POLL_MS = { lately: 100, idle: 500 }
/** As long as that is lately, ms. */
const LATELY_MS = 10_000
/** Before the second and the third attempt, ms. After the third the job has failed. */
const RETRY_MS = [1_000, 5_000]

/** By the context of their process's service. */
const workers = new WeakMap<object, JobWorker>()

/** Tells the worker of this process, if there is one, that a job was written down; those of others find it by looking. */
export function wakeWorker(context: object): void {
  workers.get(context)?.wake()
}

/** Works on jobs, so many at a time. Several processes may run one on the same database. */
export class JobWorker {
  readonly #context: Context
  readonly #tables: Tables
  readonly #claim: string
  readonly #catalogue: Catalogue
  readonly #running = new Set<Promise<void>>()
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #wake: () => void = () => {}
  #woken = false
  #tookAt = Number.NEGATIVE_INFINITY

  constructor(context: Context) {
    this.#context = context
    this.#tables = { pool: context.pool, schema: 'processing', prefix: 'processing.' }
    this.#claim = claimSql(this.#tables, CLAIMABLE)
    this.#catalogue = new Catalogue(context.pool)
    context.metrics.gauge(
      'processing_jobs_running',
      'Part lists that this process reads now',
      () => [{ value: this.#running.size }],
    )
  }

  start(): void {
    workers.set(this.#context, this)
    this.#loop = this.#takeAll()
  }

  /** Looks for a job at once. */
  wake(): void {
    this.#woken = true
    this.#wake()
  }

  /** Gives back what is being worked on: another process, or the next start, begins it anew. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the process stops'))
    this.#wake()
    await this.#loop
    await Promise.all(this.#running)
  }

  async #takeAll(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#woken = false
      const taken = await this.#takeOne().catch((error: unknown) => {
        this.#context.log.warn({ reason: rootCause(error).message }, 'no job could be taken')
        return false
      })
      if (!taken && !signal.aborted) await this.#rest()
    }
  }

  /** Begins one job; false when there is none, or enough are under way. */
  async #takeOne(): Promise<boolean> {
    if (this.#running.size >= this.#context.config.JOBS_AT_ONCE) return false
    const takenAt = performance.now()
    const claimed = await claim<ClaimedJob>(this.#context.pool, this.#claim, 1, LEASE_MS)
    if (!claimed) return false
    this.#tookAt = performance.now()
    const work = this.#work(claimed.rows[0]!, takenAt)
      .catch((error: unknown) => {
        this.#context.log.error({ reason: rootCause(error).message }, 'a job was left to its lease')
      })
      .finally(() => {
        this.#running.delete(work)
        this.wake()
      })
    this.#running.add(work)
    return true
  }

  async #work(job: ClaimedJob, takenAt: number): Promise<void> {
    const lease = new Lease(this.#tables, 'jobs', job.token, LEASE_MS, takenAt)
    const store = new ClaimedJobStore(this.#context, job)
    const signal = AbortSignal.any([lease.lost, this.#stopping.signal])
    try {
      if (job.attempts > RETRY_MS.length + 1) {
        const message = `It was begun ${job.attempts - 1} times, and each time the process ended`
        return await store.fail({ code: 'GAVE_UP', message, line: null })
      }
      await runJob(this.#context, job, store, this.#catalogue, signal)
    } catch (error) {
      if (error instanceof JobLost || lease.lost.aborted) return
      if (this.#stopping.signal.aborted) return await store.release(0, true)
      await this.#settle(job, store, error)
    } finally {
      lease.end()
    }
  }

  async #settle(job: ClaimedJob, store: ClaimedJobStore, error: unknown): Promise<void> {
    try {
      if (error instanceof PartListRefused) {
        const { code, message, line } = error
        return await store.fail({ code, message, line })
      }
      const wait = RETRY_MS[job.attempts - 1]
      if (wait !== undefined) return await store.release(wait, false)
      if (error instanceof FileUnreachable) {
        const { message } = error
        return await store.fail({ code: 'FILE_UNREACHABLE', message, line: null })
      }
      this.#context.log.error({ jobId: job.id, reason: errorText(error) }, 'a job failed')
      const message = 'The file could not be read for a reason that is not its own'
      await store.fail({ code: 'INTERNAL', message, line: null })
    } catch (settling) {
      if (!(settling instanceof JobLost)) throw settling
    }
  }

  #rest(): Promise<void> {
    if (this.#woken) return Promise.resolve()
    const lately = this.#running.size > 0 || performance.now() - this.#tookAt < LATELY_MS
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, lately ? POLL_MS.lately : POLL_MS.idle)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
