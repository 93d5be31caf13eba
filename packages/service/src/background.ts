import { CORRELATION_HEADER, readTraceparent } from '@banyan/contracts'
import {
  type AroundJob,
  type AroundStep,
  type Durable,
  type JobDefinition,
  type SagaDefinition,
  SagaRunner,
  type ScheduleDefinition,
  Scheduler,
} from '@banyan/durable'
import { SpanKind } from '@opentelemetry/api'
import { rootCause } from './failures.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { correlationIdOf, newScope, type Scope } from './scope.ts'
import type { Tracing } from './tracing/tracing.ts'

export interface BackgroundWork {
  readonly sagas: readonly SagaDefinition[]
  readonly schedules: readonly ScheduleDefinition[]
  readonly jobs: readonly JobDefinition[]
}

/** Those of a saga that has not ended. */
const OPEN_STATES = ['running', 'compensating', 'stuck', 'blocked'] as const

/** What has not ended so long after it was told to, ms, is given back. */
const GRACE_MS = 5_000

/** What a service does that nobody waits for: its sagas, its schedules, its jobs. */
export class Background {
  readonly #runner: SagaRunner | null
  readonly #scheduler: Scheduler | null

  constructor(
    durable: Durable,
    { sagas, schedules, jobs }: BackgroundWork,
    { log, metrics, tracing }: { log: Log; metrics: Metrics; tracing: Tracing },
  ) {
    const onProblem = (error: Error) =>
      log.warn({ reason: rootCause(error).message }, 'background work is tried again')
    this.#runner =
      sagas.length > 0
        ? new SagaRunner({ durable, sagas, onProblem, around: stepScopes(tracing) })
        : null
    this.#scheduler =
      schedules.length + jobs.length > 0
        ? new Scheduler({ durable, schedules, jobs, onProblem, around: jobScopes(tracing) })
        : null
    this.#count(durable, metrics, {
      saga: sagas.map(({ name }) => name),
      schedule: [...schedules, ...jobs].map(({ name }) => name),
    })
  }

  start(): void {
    this.#runner?.start()
    this.#scheduler?.start()
  }

  /** Of each that there is, also where there is nothing to count: what was never told does not rise. */
  #count(durable: Durable, metrics: Metrics, names: Record<'saga' | 'schedule', string[]>): void {
    const kinds = (['saga', 'schedule'] as const).filter((kind) => names[kind].length > 0)
    metrics.gauge(
      'background_dead_letters',
      'Sagas that are stuck, schedules and jobs given up; for somebody to look at',
      async () => {
        const counts = await Promise.all(kinds.map((kind) => durable.deadLetters.count(kind)))
        return kinds.flatMap((kind, i) =>
          [...new Set([...names[kind], ...counts[i]!.keys()])].map((source) => ({
            labels: { kind, source },
            value: counts[i]!.get(source) ?? 0,
          })),
        )
      },
      ['kind', 'source'],
    )
    metrics.gauge(
      'sagas_open',
      'Sagas that have not ended, by state',
      async () => {
        if (names.saga.length === 0) return []
        const counts = await durable.sagaAdmin.count()
        const all = [...new Set([...names.saga, ...counts.map(({ name }) => name)])]
        return all.flatMap((saga) =>
          OPEN_STATES.map((state) => ({
            labels: { saga, state },
            value: counts.find((one) => one.name === saga && one.state === state)?.sagas ?? 0,
          })),
        )
      },
      ['saga', 'state'],
    )
  }

  /** Lets what runs finish or be given back; another process, or the next start, goes on with it. */
  async stop(): Promise<void> {
    await Promise.all([this.#runner?.stop(GRACE_MS), this.#scheduler?.stop(GRACE_MS)])
  }
}

/** A step belongs to the request, and the trace, that started its saga. */
function stepScopes(tracing: Tracing): AroundStep {
  return ({ saga, sagaId, step, compensates, attempt, headers }, run) => {
    const attributes = { 'saga.id': sagaId, 'saga.step': step, 'saga.attempt': attempt }
    const name = `${compensates ? 'undo ' : ''}${saga}.${step}`
    return tracing.within(name, scopeOf(headers), { kind: SpanKind.CONSUMER, attributes }, run)
  }
}

/** A job belongs to the request that asked for it; what a schedule made begins a trace of its own. */
function jobScopes(tracing: Tracing): AroundJob {
  return ({ job, id, attempt, headers }, run) => {
    const attributes = { 'job.id': id, 'job.attempt': attempt }
    return tracing.within(job, scopeOf(headers), { kind: SpanKind.CONSUMER, attributes }, run)
  }
}

function scopeOf(headers: Readonly<Record<string, string>>): Scope {
  return newScope(
    correlationIdOf(headers[CORRELATION_HEADER]),
    readTraceparent(headers.traceparent),
  )
}
