import type { Queryable } from '@banyan/postgres'
import { errorText, Unprocessable } from '../retry.ts'
import { carryOut, StepAttempt } from './attempt.ts'
import type { SagaDefinition } from './definition.ts'
import {
  advance,
  BEGINNING,
  failed,
  outputsOf,
  type Progress,
  type SagaState,
  succeeded,
  type Task,
} from './progress.ts'

export interface RehearsalOptions {
  /** Steps that are refused, for good, with this reason; the others are run as they are. */
  readonly refuse?: Readonly<Record<string, string>>
  /** Steps, or compensations as `undo <step>`, that fail in their first attempts, so many times. */
  readonly failures?: Readonly<Record<string, number>>
  /** Given to steps that write rows. */
  readonly tx?: Queryable
}

export interface Rehearsal {
  readonly state: SagaState
  /** What happened, a line each: `charge`, `charge failed: …`, `undo reserve`, `compensated`. */
  readonly script: readonly string[]
  readonly outputs: Readonly<Record<string, unknown>>
  readonly reason: string | null
}

const NO_TX: Queryable = {
  query: () => {
    throw new Error('This step writes rows: give the rehearsal a `tx`.')
  },
}

/**
 * Plays a saga through in memory, by the rules of the runner but without waits, time limits or database,
 * so that a test reads as a script.
 *
 * @throws what the input's schema throws.
 */
export async function rehearse<Input>(
  definition: SagaDefinition<Input>,
  input: Input,
  options: RehearsalOptions = {},
): Promise<Rehearsal> {
  const read = definition.input.parse(input)
  const script: string[] = []
  const failures = new Map(Object.entries(options.failures ?? {}))
  checkNames(definition, options)
  let now = advance(definition, BEGINNING, null)
  while (now.task) {
    const { task } = now
    const line = task.kind === 'run' ? task.step.name : `undo ${task.step.name}`
    let after: Progress
    try {
      const left = failures.get(line) ?? 0
      failures.set(line, left - 1)
      if (left > 0) throw new Error('as rehearsed')
      const refused = options.refuse?.[line]
      if (refused !== undefined) throw new Unprocessable(refused)
      after = succeeded(now.progress, task, await run(task, now.progress, read, options.tx))
      script.push(line)
    } catch (error) {
      script.push(`${line} failed: ${error instanceof Error ? error.message : errorText(error)}`)
      after = failed(now.progress, task, error).progress
    }
    now = advance(definition, after, null)
  }
  const { state, reason } = now.progress
  return { state, script: [...script, state], outputs: outputsOf(now.progress), reason }
}

function run(task: Task, progress: Progress, input: unknown, tx: Queryable = NO_TX) {
  const saga = { id: 'rehearsal', headers: {} }
  const limit = new AbortController()
  return carryOut(task, new StepAttempt(saga, task.step.name, input, progress, limit), tx)
}

/** A misspelt step would rehearse nothing, and the test would pass. */
function checkNames(
  definition: Pick<SagaDefinition, 'name' | 'steps'>,
  options: RehearsalOptions,
): void {
  const names = definition.steps.flatMap(({ name }) => [name, `undo ${name}`])
  const given = [...Object.keys(options.refuse ?? {}), ...Object.keys(options.failures ?? {})]
  const unknown = given.find((name) => !names.includes(name))
  if (unknown === undefined) return
  throw new Error(`Saga "${definition.name}" has no step "${unknown}"; it has ${names.join(', ')}.`)
}
