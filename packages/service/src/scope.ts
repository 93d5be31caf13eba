import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { Identity } from '@banyan/contracts'
import type { Span, SpanContext } from '@opentelemetry/api'

/** What belongs to the request, or the event, that is being worked on; read with `currentScope()`. */
export interface Scope {
  /** Sent on to other services and with events; in every log line. */
  readonly correlationId: string
  /** Who asks, once it has been checked. */
  user: Identity | null
  /** The signed identity as it came, to be sent on with calls on the user's behalf. */
  signedIdentity: string | null
  /** The span that the caller, or the sender of the event, says it was in. */
  readonly remote: SpanContext | null
  /** The span under which spans are made; null while tracing is off. */
  span: Span | null
}

const storage = new AsyncLocalStorage<Scope>()

/** The scope of what is running, or null outside of any (at start, in a timer). */
export function currentScope(): Scope | null {
  return storage.getStore() ?? null
}

/** The span that work is in now, else the one that came with it: to be sent on with calls and events. */
export function currentTrace(): SpanContext | null {
  const scope = currentScope()
  return scope?.span?.spanContext() ?? scope?.remote ?? null
}

/** Runs `work`, and all it awaits, in the scope. */
export function withScope<T>(scope: Scope, work: () => T): T {
  return storage.run(scope, work)
}

export function newScope(correlationId: string, remote: SpanContext | null = null): Scope {
  return { correlationId, remote, user: null, signedIdentity: null, span: null }
}

/** Letters, digits, `.`, `_` and `-`, at most 128: it is copied into logs and headers as it is. */
const CORRELATION = /^[A-Za-z0-9._-]{1,128}$/

/** The id that was given when it is one; else a new one. */
export function correlationIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && CORRELATION.test(given) ? given : randomUUID()
}
