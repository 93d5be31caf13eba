import type { Queryable } from '@banyan/postgres'
import type { z } from 'zod'

/** What a step may answer: it is kept as JSON, so nothing that JSON would change or lose. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }

// biome-ignore lint/suspicious/noConfusingVoidType: it is the type of an async function without return.
export type Answer = Json | void

export interface RetryPolicy {
  /** Attempts in all, the first one included. */
  readonly attempts: number
  /** Wait before the second attempt, ms; each later one waits twice as long. */
  readonly firstMs: number
  /** No wait is longer, ms. */
  readonly maxMs: number
}

export interface StepContext<Input, Outputs> {
  readonly sagaId: string
  readonly step: string
  /** As given to `start`, read by the definition's schema. */
  readonly input: Input
  /** What the steps before this one answered, by their names. */
  readonly outputs: Outputs
  /** As given to `start`: correlation id, traceparent. */
  readonly headers: Readonly<Record<string, string>>
  /** `<saga id>/<step>`: the same in every attempt and in the compensation. To be sent with every call. */
  readonly idempotencyKey: string
  /** 1 in the first attempt. */
  readonly attempt: number
  /** Aborted when the step's time is up, or the runner has lost the saga. To be passed to every call. */
  readonly signal: AbortSignal
}

export interface CompensationContext<Input, Outputs, Output> extends StepContext<Input, Outputs> {
  /** What the step answered; undefined when it is not known whether it took effect. */
  readonly output: Output | undefined
}

interface StepOptions {
  /** An attempt that takes longer, ms, has failed; 10,000 by default. */
  readonly timeoutMs?: number
  /** Of the step itself; 4 attempts, 100, 200 and 400 ms apart, by default. `Unprocessable` ends them. */
  readonly retry?: RetryPolicy
  /** Of its compensation; 10 attempts, 100 ms to 30 s apart, by default. */
  readonly compensationRetry?: RetryPolicy
}

/** A step whose effect is outside the database: a call. It may happen more than once. */
export interface CallStep<Input, Outputs, Output> extends StepOptions {
  invoke(context: StepContext<Input, Outputs>): Promise<Output>
  /** Undoes the step, also when it is not known whether it took effect, also for the second time. */
  compensate?(context: CompensationContext<Input, Outputs, Output>): Promise<void>
}

/**
 * A step whose effect is rows: what it writes through `tx` (outbox messages too) commits with the record
 * that it is done. It may run more than once, but only what its last run wrote stays.
 */
export interface WriteStep<Input, Outputs, Output> extends StepOptions {
  transact(context: StepContext<Input, Outputs>, tx: Queryable): Promise<Output>
  compensate?(context: CompensationContext<Input, Outputs, Output>, tx: Queryable): Promise<void>
}

/** Collects the steps of a definition, and the types of what they answer. */
export interface Steps<Input, Outputs extends object> {
  step<Name extends string, Output extends Answer>(
    name: Name,
    step: WriteStep<Input, Outputs, Output>,
  ): Steps<Input, Outputs & Record<Name, Output>>
  step<Name extends string, Output extends Answer>(
    name: Name,
    step: CallStep<Input, Outputs, Output>,
  ): Steps<Input, Outputs & Record<Name, Output>>
  /**
   * A step that is not run any more, but that sagas under way may have run: without it they would be
   * blocked. To be deleted when none of them is left.
   */
  retired<Name extends string, Output extends Answer>(
    name: Name,
    step: Pick<WriteStep<Input, Outputs, Output>, 'compensate' | 'compensationRetry' | 'timeoutMs'>,
  ): Steps<Input, Outputs & Record<Name, Output | undefined>>
}

/** A step without its types, as a runner sees it. */
export interface AnyStep {
  readonly name: string
  /** Whether it takes part in the runner's transaction. */
  readonly writes: boolean
  readonly timeoutMs: number
  readonly retry: RetryPolicy
  readonly compensationRetry: RetryPolicy
  readonly retired: boolean
  run(context: StepContext<unknown, unknown>, tx: Queryable): Promise<Json | undefined>
  readonly compensate:
    | ((context: CompensationContext<unknown, unknown, unknown>, tx: Queryable) => Promise<void>)
    | null
}

export interface SagaDefinition<Input = unknown> {
  readonly name: string
  readonly version: number
  readonly input: z.ZodType<Input>
  /** From start to end, ms; then it compensates. */
  readonly timeoutMs: number
  readonly steps: readonly AnyStep[]
}

export interface SagaOptions<Input, Outputs extends object> {
  readonly name: string
  /** To be raised whenever the steps change: a runner leaves what a newer one has worked on alone. */
  readonly version: number
  readonly input: z.ZodType<Input>
  /** From start to end, ms; 30,000 by default. Compensations are not under it. */
  readonly timeoutMs?: number
  readonly steps: (saga: Steps<Input, Record<never, never>>) => Steps<Input, Outputs>
}

const STEP_TIMEOUT_MS = 10_000
const SAGA_TIMEOUT_MS = 30_000
const STEP_RETRY: RetryPolicy = { attempts: 4, firstMs: 100, maxMs: 30_000 }
/** About two minutes: what was begun should not be left half undone for a short outage. */
const COMPENSATION_RETRY: RetryPolicy = { attempts: 10, firstMs: 100, maxMs: 30_000 }

/**
 * A saga: steps that are run one after the other, each durably; when one fails for good, those begun are
 * compensated in the opposite order. Steps are known by their names alone.
 *
 * @throws an Error when the name, the version, or a step's name is not usable.
 */
export function defineSaga<Input, Outputs extends object>(
  options: SagaOptions<Input, Outputs>,
): SagaDefinition<Input> {
  const { name, version } = options
  if (name === '') throw new Error('A saga needs a name; "" was given.')
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new Error(`Saga "${name}": the version is a whole number from 1; ${version} was given.`)
  }
  const steps = collect(name, options.steps)
  if (!steps.some((step) => !step.retired)) throw new Error(`Saga "${name}" has no step to run.`)
  const timeoutMs = options.timeoutMs ?? SAGA_TIMEOUT_MS
  return Object.freeze({ name, version, input: options.input, timeoutMs, steps })
}

function collect<Input, Outputs extends object>(
  saga: string,
  build: SagaOptions<Input, Outputs>['steps'],
): readonly AnyStep[] {
  const steps: AnyStep[] = []
  const add = (name: string, spec: Partial<Spec>, retired: boolean): Builder => {
    if (name === '' || name.includes('/')) {
      throw new Error(`Saga "${saga}": a step's name is not empty and has no "/"; given "${name}".`)
    }
    if (steps.some((step) => step.name === name)) {
      throw new Error(`Saga "${saga}" has two steps named "${name}".`)
    }
    steps.push(
      Object.freeze({
        name,
        writes: retired || spec.transact !== undefined,
        timeoutMs: spec.timeoutMs ?? STEP_TIMEOUT_MS,
        retry: spec.retry ?? STEP_RETRY,
        compensationRetry: spec.compensationRetry ?? COMPENSATION_RETRY,
        retired,
        run: (context: StepContext<unknown, unknown>, tx: Queryable) =>
          spec.transact ? spec.transact(context, tx) : spec.invoke!(context),
        compensate: spec.compensate
          ? (context: CompensationContext<unknown, unknown, unknown>, tx: Queryable) =>
              spec.compensate!(context, tx)
          : null,
      }),
    )
    return builder
  }
  const builder: Builder = {
    step: (name, spec) => add(name, spec, false),
    retired: (name, spec) => add(name, spec, true),
  }
  // The types are those of the caller's chain; here the steps are only put in a row.
  build(builder as unknown as Steps<Input, Record<never, never>>)
  return Object.freeze(steps)
}

interface Spec extends StepOptions {
  transact(context: StepContext<unknown, unknown>, tx: Queryable): Promise<Json | undefined>
  invoke(context: StepContext<unknown, unknown>): Promise<Json | undefined>
  compensate(context: CompensationContext<unknown, unknown, unknown>, tx: Queryable): Promise<void>
}

interface Builder {
  step(name: string, spec: Partial<Spec>): Builder
  retired(name: string, spec: Partial<Spec>): Builder
}
