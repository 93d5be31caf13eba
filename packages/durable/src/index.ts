export { type Claim, type Claimable, claim, claimSql, Lease } from './claim.ts'
export {
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterKind,
  DeadLetters,
} from './dead-letters.ts'
export { type Durable, type DurableOptions, openDurable } from './durable.ts'
export { type Handler, Inbox, type InboxOptions, type Receipt } from './inbox.ts'
export { InboxWorker, type InboxWorkerOptions } from './inbox-worker.ts'
export { MessagesRefused } from './isolate.ts'
export { Loop, type LoopOptions } from './loop.ts'
export { messageId, type OutgoingMessage } from './messages.ts'
export { Outbox, type OutboxDepth } from './outbox.ts'
export { OutboxRelay, type OutboxRelayOptions } from './relay.ts'
export { errorText, RETRY_DELAYS_MS, Unprocessable } from './retry.ts'
export type { Tables } from './tables.ts'
export { type Topic, Waker, wakeSql } from './waker.ts'
