import { BanyanError, bucketOf } from '@banyan/contracts'
import type { Authenticator } from './authentication.ts'
import type { Call } from './call.ts'
import { ownerKey } from './owner-key.ts'
import { type CompiledRoute, type Side, sideOf } from './route-table.ts'
import type { Tables } from './tables.ts'

/** A moved route's request, placed. */
export interface Placement {
  readonly route: CompiledRoute
  readonly segments: readonly string[]
  readonly bucket: number
  readonly side: Side
}

/** What to do with a call next, by the newest table. */
export type Decision =
  | { readonly do: 'pass' }
  | { readonly do: 'wait' }
  | { readonly do: 'authenticate' }
  | { readonly do: 'read body' }
  | { readonly do: 'refuse'; readonly error: BanyanError }
  | { readonly do: 'hold'; readonly placement: Placement; readonly budgetMs: number }
  | { readonly do: 'send'; readonly placement: Placement }

const PASS: Decision = { do: 'pass' }
const WAIT: Decision = { do: 'wait' }
const AUTHENTICATE: Decision = { do: 'authenticate' }
const READ_BODY: Decision = { do: 'read body' }
const NO_ROUTE: Decision = {
  do: 'refuse',
  error: new BanyanError('NOT_FOUND', { what: 'route' }),
}

export interface RoutingOptions {
  readonly tables: Tables
  readonly authenticator: Authenticator
  /** Why moved routes may not be served now; null when they may. */
  readonly leaseProblem: () => BanyanError | null
  readonly replayBytes: number
}

/**
 * Decides what a call does next. Asked again after each thing it asked for (credentials, the body, the end
 * of a hold), since the table may have changed meanwhile: the answer always comes from the newest one.
 *
 * @throws BanyanError BAD_REQUEST when the owner cannot be read from the request.
 */
export function decide(call: Call, options: RoutingOptions): Decision {
  const table = options.tables.current
  if (!table) return WAIT
  const match = table.match(call.method, call.target.path)
  const { retired = false } = table.table
  if (!match) return retired ? NO_ROUTE : PASS
  const { value: route, segments } = match
  const problem = options.leaseProblem()
  if (problem) return { do: 'refuse', error: problem }
  const { credentials } = call
  if (!credentials) return AUTHENTICATE
  // The monolith refuses these itself, before a move and after it, and nobody else sees a bad token.
  if (credentials.state === 'invalid' && !retired) return PASS
  const { owner, extraction } = route
  let bucket: number
  if (owner.from === 'subject') {
    if (credentials.state === 'valid') bucket = credentials.caller.bucket
    else if (retired || options.authenticator.anonymous) bucket = bucketOf(null)
    else return PASS
  } else {
    if (owner.from === 'body' && call.hasUnreadBody) {
      const { bodyLength } = call.head
      if (bodyLength !== null && bodyLength > options.replayBytes) throw tooLarge(options)
      return READ_BODY
    }
    bucket = bucketOf(
      ownerKey(owner, {
        head: call.head,
        segments,
        ownerSegment: route.ownerSegment,
        query: call.target.query,
        body: call.body,
      }),
    )
  }
  const placement: Placement = { route, segments, bucket, side: sideOf(extraction, bucket) }
  const { hold } = extraction
  if (hold?.buckets.has(bucket) && (route.write || hold.reads)) {
    const { inFlight } = options.tables.state(extraction.name)
    // A call made by a write that the hold waits for must pass, or both wait for each other.
    if (!inFlight.hasWrite(bucket, call.head.correlationId)) {
      return { do: 'hold', placement, budgetMs: hold.budgetMs }
    }
  }
  if (route.write && call.hasUnreadBody) {
    const { bodyLength } = call.head
    // Kept for one replay; and a client that sends slowly is no write in flight meanwhile.
    if (bodyLength !== null && bodyLength <= options.replayBytes) return READ_BODY
  }
  return { do: 'send', placement }
}

/** A body that must be read for its owner is larger than the gateway keeps. */
export function tooLarge(options: { readonly replayBytes: number }): BanyanError {
  return new BanyanError('BAD_REQUEST', {
    reason: `The body names the owner on this route and may have ${options.replayBytes} bytes at most.`,
  })
}
