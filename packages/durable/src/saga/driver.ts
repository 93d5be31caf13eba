import type { Queryable } from '@banyan/postgres'
import type { CutOff } from '../deadline.ts'
import { errorText } from '../retry.ts'
import { carryOut, StepAttempt } from './attempt.ts'
import type { Json, SagaDefinition } from './definition.ts'
import type { Journal, Written } from './journal.ts'
import {
  advance,
  exhausted,
  failed,
  type Progress,
  type Stop,
  succeeded,
  type Task,
} from './progress.ts'
import type { LeasedSaga, SagaWrite } from './store.ts'
import type { Transactor } from './transactor.ts'

/** An attempt at a step, or at its compensation. */
export interface StepRun {
  readonly saga: string
  readonly sagaId: string
  readonly step: string
  readonly compensates: boolean
  /** 1 in the first attempt. */
  readonly attempt: number
  /** As given when the saga was started: correlation id, traceparent. */
  readonly headers: Readonly<Record<string, string>>
}

export type AroundStep = <T>(step: StepRun, run: () => Promise<T>) => Promise<T>

export interface DriverParts {
  readonly around: AroundStep | undefined
  readonly journal: Journal
  readonly transactor: Transactor
  /** Ended when steps under way have no more time. */
  readonly cutOff: CutOff
  /** Whether sagas are to be given back at their next step. */
  readonly stopping: () => boolean
  readonly onStep: () => void
  readonly onProblem: (error: Error) => void
}

/** Takes one leased saga as far as it goes: to its end, to a wait, or to where it is given back. */
export class Driver {
  readonly #saga: LeasedSaga
  readonly #definition: SagaDefinition
  readonly #parts: DriverParts
  readonly #endsAt: number
  #input: unknown
  #progress: Progress
  #task: Task | null = null
  #cancel: boolean
  /** Whether the row says what `#progress` does. */
  #written = true

  constructor(saga: LeasedSaga, definition: SagaDefinition, parts: DriverParts) {
    this.#saga = saga
    this.#definition = definition
    this.#parts = parts
    this.#endsAt = performance.now() + saga.remainingMs
    this.#progress = saga.progress
    this.#cancel = saga.cancelling
  }

  async drive(): Promise<void> {
    const read = this.#definition.input.safeParse(this.#saga.input)
    if (!read.success) {
      const blocked = `Version ${this.#definition.version} of saga "${this.#definition.name}" does not read its input: ${read.error.message}`
      await this.#write({ ...this.#progress, blocked }, 0)
      return
    }
    this.#input = read.data
    this.#go(this.#progress)
    for (;;) {
      const task = this.#task
      if (!task || this.#parts.stopping()) {
        await this.#write(this.#progress, 0)
        return
      }
      if (!(await this.#take(task))) return
    }
  }

  /** @returns whether there is more to do now. */
  #take(task: Task): Promise<boolean> {
    if (exhausted(this.#progress, task)) {
      return this.#fail(task, this.#progress.error ?? 'its runner ended in the middle of it')
    }
    return task.step.writes ? this.#transact(task) : this.#call(task)
  }

  async #call(task: Task): Promise<boolean> {
    if (!this.#written) {
      const written = await this.#write(this.#progress, null)
      if (written === 'lost') return false
      if (written === 'cancel') this.#cancel = true
      this.#written = true
      if (this.#stop() && this.#progress.state === 'running') {
        this.#go(this.#progress)
        return true
      }
    }
    try {
      const output = await this.#run(task, NO_TRANSACTION)
      this.#parts.onStep()
      this.#go(succeeded(this.#progress, task, output))
      return true
    } catch (error) {
      return this.#fail(task, error)
    }
  }

  async #transact(task: Task): Promise<boolean> {
    const outcome = await this.#parts.transactor.run({
      saga: this.#saga,
      alone: this.#progress.attempts > 0,
      run: (tx) => this.#run(task, tx),
      write: (output) => this.#writeOf(this.#ahead(task, output).progress, null),
    })
    switch (outcome.result) {
      case 'lost':
        return false
      case 'failed':
        return this.#fail(task, outcome.error)
      case 'done': {
        this.#parts.onStep()
        const { progress, task: next } = this.#ahead(task, outcome.output)
        this.#progress = progress
        this.#task = next
        this.#written = true
        // Its last write has ended it, or halted it, and let it go.
        if (!next) return false
        if (outcome.cancel && !this.#cancel) {
          this.#cancel = true
          this.#go(progress)
        }
        return true
      }
    }
  }

  /** The step, or its compensation, with its time limit. */
  #run(task: Task, tx: Queryable): Promise<Json | undefined> {
    const { step } = task
    const compensates = task.kind === 'undo'
    const left = compensates ? Number.POSITIVE_INFINITY : this.#endsAt - performance.now()
    const what = compensates ? `Compensation of "${step.name}"` : `Step "${step.name}"`
    const { around, cutOff } = this.#parts
    return cutOff.within(Math.min(step.timeoutMs, left), what, (limit) => {
      const attempt = new StepAttempt(this.#saga, step.name, this.#input, this.#progress, limit)
      if (!around) return carryOut(task, attempt, tx)
      const { id: sagaId, name: saga, headers } = this.#saga
      return around(
        { sagaId, step: step.name, headers, attempt: attempt.attempt, saga, compensates },
        () => carryOut(task, attempt, tx),
      )
    })
  }

  async #fail(task: Task, error: unknown): Promise<boolean> {
    this.#parts.onProblem(
      new Error(
        `Saga ${this.#saga.name} ${this.#saga.id}, ${task.step.name}: ${errorText(error)}`,
        {
          cause: error,
        },
      ),
    )
    const { progress, waitMs } = failed(this.#progress, task, error)
    if (waitMs === null || (progress.state === 'running' && this.#stop())) {
      this.#go(progress)
      return true
    }
    const left = this.#endsAt - performance.now()
    const wait = progress.state === 'running' ? Math.min(waitMs, left) : waitMs
    await this.#write(progress, Math.max(0, wait))
    return false
  }

  #go(progress: Progress): void {
    const next = advance(this.#definition, progress, this.#stop())
    if (next.progress !== this.#progress) this.#written = false
    this.#progress = next.progress
    this.#task = next.task
  }

  /** Where the saga will stand when the task has this answer. */
  #ahead(task: Task, output: Json | undefined) {
    return advance(this.#definition, succeeded(this.#progress, task, output), null)
  }

  #stop(): Stop {
    if (this.#cancel) return { reason: 'cancelled by an operator' }
    if (performance.now() < this.#endsAt) return null
    return { reason: `took longer than its ${this.#definition.timeoutMs} ms` }
  }

  #write(progress: Progress, releaseAfterMs: number | null): Promise<Written> {
    return this.#parts.journal.write(this.#writeOf(progress, releaseAfterMs))
  }

  #writeOf(progress: Progress, releaseAfterMs: number | null): SagaWrite {
    const { id, token } = this.#saga
    const active =
      (progress.state === 'running' || progress.state === 'compensating') && !progress.blocked
    return {
      id,
      token,
      version: this.#definition.version,
      progress,
      step:
        this.#task?.step.name ??
        this.#progress.steps.findLast((s) => s.state !== 'undone')?.name ??
        null,
      releaseAfterMs: active ? releaseAfterMs : 0,
    }
  }
}

/** What a call would be given in place of a transaction, if it asked. */
const NO_TRANSACTION: Queryable = {
  query: () => {
    throw new Error('A step with `invoke` has no transaction; one that writes rows has `transact`.')
  },
}
