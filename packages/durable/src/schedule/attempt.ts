import type { TimeLimit } from '../deadline.ts'
import type { JobContext } from './definition.ts'
import type { TakenJob } from './store.ts'

/** What a job is told of itself, each time that it runs. */
export class Attempt<Payload> implements JobContext<Payload> {
  readonly id: string
  readonly payload: Payload
  readonly headers: Readonly<Record<string, string>>
  readonly dueAt: Date
  readonly attempt: number
  readonly #limit: TimeLimit

  constructor(job: TakenJob, payload: Payload, limit: TimeLimit) {
    this.id = job.id
    this.payload = payload
    this.headers = job.headers
    this.dueAt = job.occurrence ?? new Date(job.dueMs)
    this.attempt = job.attempts + 1
    this.#limit = limit
  }

  get signal(): AbortSignal {
    return this.#limit.signal
  }
}
