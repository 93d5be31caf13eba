import {
  type DeadLetterKind,
  type Durable,
  type JobDefinition,
  type SagaDefinition,
  SagaRunner,
  type ScheduleDefinition,
  Scheduler,
} from '@banyan/durable'
import { rootCause } from './failures.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

export interface BackgroundWork {
  readonly sagas: readonly SagaDefinition[]
  readonly schedules: readonly ScheduleDefinition[]
  readonly jobs: readonly JobDefinition[]
}

/** What has not ended so long after it was told to, ms, is given back. */
const GRACE_MS = 5_000

/** What a service does that nobody waits for: its sagas, its schedules, its jobs. */
export class Background {
  readonly #runner: SagaRunner | null
  readonly #scheduler: Scheduler | null

  constructor(
    durable: Durable,
    { sagas, schedules, jobs }: BackgroundWork,
    log: Log,
    metrics: Metrics,
  ) {
    const onProblem = (error: Error) =>
      log.warn({ reason: rootCause(error).message }, 'background work is tried again')
    this.#runner = sagas.length > 0 ? new SagaRunner({ durable, sagas, onProblem }) : null
    this.#scheduler =
      schedules.length + jobs.length > 0
        ? new Scheduler({ durable, schedules, jobs, onProblem })
        : null
    const kinds: DeadLetterKind[] = [
      ...(this.#runner ? (['saga'] as const) : []),
      ...(this.#scheduler ? (['schedule'] as const) : []),
    ]
    metrics.gauge(
      'background_dead_letters',
      'Sagas that are stuck, schedules and jobs given up; for somebody to look at',
      async () => {
        const counts = await Promise.all(kinds.map((kind) => durable.deadLetters.count(kind)))
        return kinds.flatMap((kind, i) =>
          [...counts[i]!].map(([source, value]) => ({ labels: { kind, source }, value })),
        )
      },
      ['kind', 'source'],
    )
  }

  start(): void {
    this.#runner?.start()
    this.#scheduler?.start()
  }

  /** Lets what runs finish or be given back; another process, or the next start, goes on with it. */
  async stop(): Promise<void> {
    await Promise.all([this.#runner?.stop(GRACE_MS), this.#scheduler?.stop(GRACE_MS)])
  }
}
