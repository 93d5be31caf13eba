import type { Queryable } from '@banyan/postgres'
import type { z } from 'zod'
import type { TimeLimit } from '../deadline.ts'
import { Unprocessable } from '../retry.ts'
import type { RetryPolicy } from '../saga/definition.ts'
import { Attempt } from './attempt.ts'
import type { TakenJob } from './store.ts'
import { cronTiming, intervalTiming, type Misfire, type Timing } from './timing.ts'

interface RunContext {
  /** 1 in the first attempt. */
  readonly attempt: number
  /** Aborted when its time is up. */
  readonly signal: AbortSignal
}

export interface JobContext<Payload> extends RunContext {
  readonly id: string
  readonly payload: Payload
  /** When it was to run at the earliest. */
  readonly dueAt: Date
  /** As given when it was asked for: correlation id, traceparent. */
  readonly headers: Readonly<Record<string, string>>
}

export interface ScheduleContext extends RunContext {
  /** The time it is due at; each is run once. */
  readonly dueAt: Date
}

interface RunOptions {
  /** An attempt that takes longer, ms, has failed; 30,000 by default. Its transaction is open all the while. */
  readonly timeoutMs?: number
  /** 5 attempts, 500 ms to 60 s apart, by default; then it is a dead letter. */
  readonly retry?: RetryPolicy
}

export interface JobOptions<Payload> extends RunOptions {
  readonly name: string
  readonly payload: z.ZodType<Payload>
  /**
   * What it writes through `tx` commits with the job's end: all of it or nothing. It may run more than
   * once, so a call to the outside belongs into a saga, or an event, written here.
   */
  run(job: JobContext<Payload>, tx: Queryable): Promise<void>
}

export interface JobDefinition<Payload = unknown> {
  readonly name: string
  readonly payload: z.ZodType<Payload>
  readonly runner: Runner
}

type When =
  | {
      /** Five or six fields. */ readonly cron: string /** `UTC` by default. */
      readonly timeZone?: string
    }
  | { /** 100 at least; counted from 1970, not from the start. */ readonly everyMs: number }

export type ScheduleOptions = RunOptions &
  When & {
    readonly name: string
    /** Of runs that nobody was there to start; `once` by default. */
    readonly misfire?: Misfire
    /** What is due longer ago, ms, was missed; 60,000 by default. */
    readonly toleranceMs?: number
    /** As for a job. */
    run(run: ScheduleContext, tx: Queryable): Promise<void>
  }

export interface ScheduleDefinition {
  readonly name: string
  readonly timing: Timing
  readonly misfire: Misfire
  readonly toleranceMs: number
  readonly runner: Runner
}

/** What both come down to. */
export interface Runner {
  readonly timeoutMs: number
  readonly retry: RetryPolicy
  run(job: TakenJob, limit: TimeLimit, tx: Queryable): Promise<void>
}

const TIMEOUT_MS = 30_000
const TOLERANCE_MS = 60_000
const RETRY: RetryPolicy = { attempts: 5, firstMs: 500, maxMs: 60_000 }

/** Work that is done once, at a time that is named when it is asked for. */
export function defineJob<Payload>(options: JobOptions<Payload>): JobDefinition<Payload> {
  const { name, payload, run, timeoutMs = TIMEOUT_MS, retry = RETRY } = options
  if (name === '') throw new Error('A job needs a name; "" was given.')
  return Object.freeze({
    name,
    payload,
    runner: {
      timeoutMs,
      retry,
      run: (job: TakenJob, limit: TimeLimit, tx: Queryable) => {
        const read = payload.safeParse(job.payload)
        if (!read.success) {
          throw new Unprocessable(`The payload does not fit any more: ${read.error.message}`)
        }
        return run(new Attempt(job, read.data, limit), tx)
      },
    },
  })
}

/**
 * Work that is done again and again, each due time once, whatever number of schedulers runs.
 *
 * @throws BAD_SCHEDULE when the cron expression, the time zone or the interval is none.
 */
export function defineSchedule(options: ScheduleOptions): ScheduleDefinition {
  const { name, run, misfire = 'once', toleranceMs = TOLERANCE_MS } = options
  if (name === '') throw new Error('A schedule needs a name; "" was given.')
  const timing =
    'cron' in options
      ? cronTiming(name, options.cron, options.timeZone ?? 'UTC')
      : intervalTiming(name, options.everyMs)
  return Object.freeze({
    name,
    timing,
    misfire,
    toleranceMs,
    runner: {
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      retry: options.retry ?? RETRY,
      run: (job: TakenJob, limit: TimeLimit, tx: Queryable) =>
        run(new Attempt(job, undefined, limit), tx),
    },
  })
}
