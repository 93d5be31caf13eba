import type { Queryable } from '@banyan/postgres'
import { storable } from '../storable.ts'
import type { AnyStep, CompensationContext, Json } from './definition.ts'
import { outputsOf, type Progress, type Task } from './progress.ts'
import type { LeasedSaga } from './store.ts'

type Outputs = Readonly<Record<string, Json | undefined>>

/** What a step, or its compensation, is told of itself, each time that it runs. */
export class StepAttempt implements CompensationContext<unknown, Outputs, Json | undefined> {
  readonly sagaId: string
  readonly step: string
  readonly headers: Readonly<Record<string, string>>
  readonly attempt: number
  readonly input: unknown
  readonly #progress: Progress
  readonly #limit: { readonly signal: AbortSignal }
  #outputs: Outputs | undefined

  constructor(
    saga: Pick<LeasedSaga, 'id' | 'headers'>,
    step: string,
    input: unknown,
    progress: Progress,
    limit: { readonly signal: AbortSignal },
  ) {
    this.sagaId = saga.id
    this.step = step
    this.headers = saga.headers
    this.attempt = progress.attempts + 1
    this.input = input
    this.#progress = progress
    this.#limit = limit
  }

  /** Made when it is asked for, as the three below. */
  get idempotencyKey(): string {
    return `${this.sagaId}/${this.step}`
  }

  get outputs(): Outputs {
    this.#outputs ??= outputsOf(this.#progress)
    return this.#outputs
  }

  get output(): Json | undefined {
    return this.#progress.steps.find(({ name }) => name === this.step)?.output
  }

  get signal(): AbortSignal {
    return this.#limit.signal
  }
}

/** @throws what the step threw, or an Error when its answer cannot be kept. */
export async function carryOut(
  { kind, step }: Task,
  attempt: StepAttempt,
  tx: Queryable,
): Promise<Json | undefined> {
  if (kind === 'undo') {
    await step.compensate!(attempt, tx)
    return undefined
  }
  const output = await step.run(attempt, tx)
  checkAnswer(step, output)
  return output
}

/** @throws an Error when the answer cannot be kept. */
export function checkAnswer({ name }: AnyStep, output: Json | undefined): void {
  if (output !== undefined) storable(`The answer of step "${name}"`, output)
}
