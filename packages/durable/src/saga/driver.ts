import type { Queryable } from '@banyan/postgres'
import type { CutOff, TimeLimit } from '../deadline.ts'
import { errorText } from '../retry.ts'
import { carryOut, checkAnswer, StepAttempt } from './attempt.ts'
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
  #resolve!: (more: boolean) => void
  #reject!: (error: unknown) => void
  readonly #registered = this.#onRegistered.bind(this)
  readonly #makeCall = this.#onCall.bind(this)
  readonly #answered = this.#onAnswered.bind(this)
  readonly #refused = this.#onRefused.bind(this)

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
    return task.step.writes ? this.#transact(task) : this.#calls()
  }

  /**
   * Calls, one after the other, for as long as there is nothing else to do. Told by functions that are made once for a
   * saga: promises of each step would be a third of what it allocates.
   */
  #calls(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#register()
    })
  }

  #register(): void {
    if (this.#written) this.#call(this.#task!)
    else this.#parts.journal.add(this.#writeOf(this.#progress, null), this.#registered)
  }

  #onRegistered(written: Written): void {
    try {
      if (written === 'cancel') this.#cancel = true
      this.#written = written !== 'lost'
      if (!this.#written) this.#resolve(false)
      else if (!this.#stop() || this.#progress.state !== 'running') this.#call(this.#task!)
      else {
        this.#go(this.#progress)
        this.#resolve(true)
      }
    } catch (error) {
      this.#reject(error)
    }
  }

  #call(task: Task): void {
    const { cutOff } = this.#parts
    cutOff.carry(this.#leftFor(task), titleOf(task), this.#makeCall, this.#answered, this.#refused)
  }

  #onCall(limit: TimeLimit): Promise<Json | undefined> {
    const task = this.#task!
    if (task.kind === 'undo' || this.#parts.around) {
      return this.#carryOut(task, NO_TRANSACTION, limit)
    }
    // As `carryOut` does it, without one more promise: `#onAnswered` looks at the answer.
    return task.step.run(this.#attemptAt(task, limit), NO_TRANSACTION)
  }

  #onAnswered(output: Json | undefined): void {
    const task = this.#task!
    try {
      checkAnswer(task.step, output)
      this.#parts.onStep()
      this.#go(succeeded(this.#progress, task, output))
      const next = this.#task
      const call = next && !next.step.writes && !exhausted(this.#progress, next)
      if (call && !this.#parts.stopping()) this.#register()
      else this.#resolve(true)
    } catch (error) {
      this.#fail(task, error).then(this.#resolve, this.#reject)
    }
  }

  #onRefused(error: unknown): void {
    this.#fail(this.#task!, error).then(this.#resolve, this.#reject)
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

  #run(task: Task, tx: Queryable): Promise<Json | undefined> {
    return this.#parts.cutOff.within(this.#leftFor(task), titleOf(task), (limit) =>
      this.#carryOut(task, tx, limit),
    )
  }

  /** ms */
  #leftFor({ kind, step }: Task): number {
    if (kind === 'undo') return step.timeoutMs
    return Math.min(step.timeoutMs, this.#endsAt - performance.now())
  }

  #carryOut(task: Task, tx: Queryable, limit: TimeLimit): Promise<Json | undefined> {
    const { around } = this.#parts
    const attempt = this.#attemptAt(task, limit)
    if (!around) return carryOut(task, attempt, tx)
    const { id: sagaId, name: saga, headers } = this.#saga
    const compensates = task.kind === 'undo'
    return around(
      { sagaId, step: task.step.name, headers, attempt: attempt.attempt, saga, compensates },
      () => carryOut(task, attempt, tx),
    )
  }

  #attemptAt({ step }: Task, limit: TimeLimit): StepAttempt {
    return new StepAttempt(this.#saga, step.name, this.#input, this.#progress, limit)
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

function titleOf({ kind, step }: Task): string {
  return kind === 'undo' ? `Compensation of "${step.name}"` : `Step "${step.name}"`
}

/** What a call would be given in place of a transaction, if it asked. */
const NO_TRANSACTION: Queryable = {
  query: () => {
    throw new Error('A step with `invoke` has no transaction; one that writes rows has `transact`.')
  },
}
