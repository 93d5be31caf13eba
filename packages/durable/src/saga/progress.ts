import { errorText, Unprocessable } from '../retry.ts'
import type { AnyStep, Json, RetryPolicy, SagaDefinition } from './definition.ts'

/** `begun`: it may have taken effect. A step that writes rows has none until it is done. */
export interface StepRecord {
  readonly name: string
  readonly state: 'begun' | 'done' | 'undone'
  /** When it came into this state, ISO 8601. */
  readonly at: string
  readonly output?: Json
}

export type SagaState =
  | 'running'
  | 'compensating'
  | 'stuck'
  | 'completed'
  | 'compensated'
  | 'abandoned'

/** How far a saga has come; a value, each change makes a new one. */
export interface Progress {
  readonly state: SagaState
  readonly blocked: string | null
  readonly steps: readonly StepRecord[]
  /** Failed attempts of what is to be done next. */
  readonly attempts: number
  readonly error: string | null
  readonly reason: string | null
}

/** Of a saga that nobody has worked on. */
export const BEGINNING: Progress = {
  state: 'running',
  blocked: null,
  steps: [],
  attempts: 0,
  error: null,
  reason: null,
}

export interface Task {
  readonly kind: 'run' | 'undo'
  readonly step: AnyStep
}

/** Why a running saga must turn round now, if it must. */
export type Stop = { readonly reason: string } | null

/**
 * What comes next, with everything that needs no effect done: a call is registered as begun (so that its
 * compensation stands before it is made), steps without compensation are passed, an end is reached. No
 * task: the saga has ended, or waits for somebody.
 */
export function advance(
  definition: SagaDefinition,
  progress: Progress,
  stop: Stop,
): { progress: Progress; task: Task | null } {
  let now = progress
  if (now.state === 'running' && stop) now = turnRound(now, stop.reason)
  const stranger = firstUnknown(definition, now)
  if (stranger !== null && (now.state === 'running' || now.state === 'compensating')) {
    return { progress: { ...now, blocked: refusal(definition, stranger) }, task: null }
  }
  if (now.state === 'running') return forward(definition, now)
  if (now.state === 'compensating') return backward(definition, now)
  return { progress: now, task: null }
}

/** What stands there before anything is called: the first step, begun, if it is a call. */
export function firstSteps(definition: SagaDefinition): readonly StepRecord[] {
  return forward(definition, BEGINNING).progress.steps
}

/** The task is done: its answer is kept, the count of attempts starts again. */
export function succeeded(progress: Progress, task: Task, output: Json | undefined): Progress {
  const state = task.kind === 'run' ? 'done' : 'undone'
  const record: StepRecord = {
    name: task.step.name,
    state,
    at: timestamp(),
    ...(output === undefined ? {} : { output }),
  }
  return { ...progress, steps: withRecord(progress.steps, record), attempts: 0, error: null }
}

/**
 * The task has failed. `waitMs` says when it is tried again; without it (the attempts are used up, or no
 * further one will help), the saga has turned round, or, when it was a compensation, is stuck.
 */
export function failed(
  progress: Progress,
  task: Task,
  error: unknown,
): { progress: Progress; waitMs: number | null } {
  const policy = policyOf(task)
  const message = errorText(error)
  const attempts = progress.attempts + 1
  if (attempts < policy.attempts && !(error instanceof Unprocessable)) {
    return {
      progress: { ...progress, attempts, error: message },
      waitMs: backoff(policy, attempts),
    }
  }
  if (task.kind === 'run') {
    return { progress: turnRound(progress, `${task.step.name}: ${message}`), waitMs: null }
  }
  return { progress: { ...progress, attempts, error: message, state: 'stuck' }, waitMs: null }
}

/** Whether every attempt was used up, by runners that ended in them. */
export function exhausted(progress: Progress, task: Task): boolean {
  return progress.attempts >= policyOf(task).attempts
}

/** Answers of the steps done, by their names. */
export function outputsOf(progress: Progress): Record<string, Json | undefined> {
  const done = progress.steps.filter((record) => record.state === 'done')
  return Object.fromEntries(done.map((record) => [record.name, record.output]))
}

/** The wait after so many failed attempts, ms. */
export function backoff(policy: RetryPolicy, failures: number): number {
  return Math.min(policy.maxMs, policy.firstMs * 2 ** (failures - 1))
}

function forward(definition: SagaDefinition, progress: Progress) {
  // A call whose outcome is not known comes first, wherever a new definition puts it.
  const begun = progress.steps[begunAt(progress.steps)]
  const open = begun && definition.steps[indexOf(definition.steps, begun.name)]
  if (open && !open.retired) return { progress, task: { kind: 'run' as const, step: open } }
  const step = firstLeft(definition, progress)
  if (!step) return { progress: { ...progress, state: 'completed' as const }, task: null }
  const task = { kind: 'run' as const, step }
  if (step.writes) return { progress, task }
  const record: StepRecord = { name: step.name, state: 'begun', at: timestamp() }
  return { progress: { ...progress, steps: progress.steps.concat(record) }, task }
}

function firstLeft(definition: SagaDefinition, { steps }: Progress): AnyStep | null {
  for (let i = 0; i < definition.steps.length; i++) {
    const step = definition.steps[i]!
    if (!step.retired && indexOf(steps, step.name) === -1) return step
  }
  return null
}

function backward(definition: SagaDefinition, progress: Progress) {
  let { steps } = progress
  for (const record of [...steps].reverse()) {
    if (record.state === 'undone') continue
    const step = definition.steps.find((each) => each.name === record.name)!
    if (step.compensate) {
      return { progress: { ...progress, steps }, task: { kind: 'undo' as const, step } }
    }
    steps = withRecord(steps, { ...record, state: 'undone' })
  }
  return { progress: { ...progress, steps, state: 'compensated' as const }, task: null }
}

function turnRound(progress: Progress, reason: string): Progress {
  return { ...progress, state: 'compensating', attempts: 0, error: null, reason }
}

function withRecord(steps: readonly StepRecord[], record: StepRecord): StepRecord[] {
  const at = indexOf(steps, record.name)
  if (at === -1) return steps.concat(record)
  const before = steps[at]!
  // A step undone keeps what it answered: an operator wants to see it.
  const merged = before.output === undefined ? record : { output: before.output, ...record }
  return steps.with(at, merged)
}

function firstUnknown(definition: SagaDefinition, { steps }: Progress): string | null {
  for (let i = 0; i < steps.length; i++) {
    const { name } = steps[i]!
    if (indexOf(definition.steps, name) === -1) return name
  }
  return null
}

/** By counting, as it is asked many times for each step: closures and iterators were a tenth of what a step allocates. */
function indexOf(named: readonly { readonly name: string }[], name: string): number {
  for (let i = 0; i < named.length; i++) if (named[i]!.name === name) return i
  return -1
}

function begunAt(steps: readonly StepRecord[]): number {
  for (let i = 0; i < steps.length; i++) if (steps[i]!.state === 'begun') return i
  return -1
}

function refusal(definition: SagaDefinition, stranger: string): string {
  const known = definition.steps.map((step) => step.name).join(', ')
  return (
    `Step "${stranger}" was begun, and version ${definition.version} of saga "${definition.name}" does ` +
    `not know it; known: ${known}. Deploy a definition with the step (\`retired\` if it is not to run ` +
    'any more), or redrive it after that.'
  )
}

let lastMs = 0
let lastText = ''

/** Now, ISO 8601. Hundreds of steps a millisecond share its text. */
function timestamp(): string {
  const now = Date.now()
  if (now !== lastMs) {
    lastMs = now
    lastText = new Date(now).toISOString()
  }
  return lastText
}

function policyOf(task: Task): RetryPolicy {
  return task.kind === 'run' ? task.step.retry : task.step.compensationRetry
}
