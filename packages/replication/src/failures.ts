import { endsSession, sqlState } from '@banyan/postgres'
import type { LinkProblem } from './types.ts'

/** Ends a link for good: nothing may be applied after it. */
export class FatalProblem extends Error {
  readonly kind: LinkProblem['kind']

  constructor(kind: LinkProblem['kind'], message: string) {
    super(message)
    this.name = 'FatalProblem'
    this.kind = kind
  }
}

/** The stream broke in the middle of something that begins again with the next one. */
export class Interrupted extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Interrupted'
  }
}

/**
 * Whether the next try may meet something else: a connection that was lost or not to be had, a server that
 * shuts down or starts (57), a session it ended, a lost race (40), something short or in use (53, 55), a standby (25006).
 */
export function mayPass(error: unknown): boolean {
  const state = sqlState(error)
  return !state || endsSession(state) || /^(57|40|53|55|25006)/.test(state)
}
