export { type Claim, type Claimable, claim, claimSql, Lease } from './claim.ts'
export {
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterKind,
  DeadLetters,
} from './dead-letters.ts'
export { type Durable, type DurableOptions, openDurable } from './durable.ts'
export {
  type BatchHandler,
  type Handler,
  Inbox,
  type InboxDepth,
  type InboxOptions,
  oneByOne,
  type Receipt,
} from './inbox.ts'
export { InboxWorker, type InboxWorkerOptions } from './inbox-worker.ts'
export { MessagesRefused } from './isolate.ts'
export { Loop, type LoopOptions } from './loop.ts'
export { messageId, type OutgoingMessage } from './messages.ts'
export { Outbox, type OutboxDepth } from './outbox.ts'
export { OutboxRelay, type OutboxRelayOptions } from './relay.ts'
export { errorText, RETRY_DELAYS_MS, Unprocessable } from './retry.ts'
export {
  SagaAdmin,
  type SagaCount,
  type SagaDetail,
  type SagaFilter,
  type SagaSummary,
} from './saga/admin.ts'
export {
  type Answer,
  type CompensationContext,
  defineSaga,
  type Json,
  type RetryPolicy,
  type SagaDefinition,
  type SagaOptions,
  type StepContext,
} from './saga/definition.ts'
export type { AroundStep, StepRun } from './saga/driver.ts'
export type { SagaState, StepRecord } from './saga/progress.ts'
export { type Rehearsal, type RehearsalOptions, rehearse } from './saga/rehearsal.ts'
export { SagaRunner, type SagaRunnerOptions, type SagaRunnerStatus } from './saga/runner.ts'
export { Sagas, type Started, type StartOptions } from './saga/sagas.ts'
export {
  type JobFilter,
  type JobSummary,
  ScheduleAdmin,
  type ScheduleSummary,
} from './schedule/admin.ts'
export {
  defineJob,
  defineSchedule,
  type JobContext,
  type JobDefinition,
  type JobOptions,
  type ScheduleContext,
  type ScheduleDefinition,
  type ScheduleOptions,
} from './schedule/definition.ts'
export { type JobKey, Jobs } from './schedule/jobs.ts'
export {
  type AroundJob,
  type JobRun,
  Scheduler,
  type SchedulerOptions,
  type SchedulerStatus,
} from './schedule/scheduler.ts'
export type { Misfire } from './schedule/timing.ts'
export { durableSchemas, type Tables } from './tables.ts'
export { type Topic, Waker, wakeSql } from './waker.ts'
