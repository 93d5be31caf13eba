import { BanyanError, type ErrorCode } from '@banyan/contracts'

/** What a called service answered, when it answered an error. */
export interface ErrorAnswer {
  readonly status: number
  /** `code` of its problem document, e.g. `NOT_FOUND`; null when it sent none. */
  readonly code: string | null
  /** Its body, when that was JSON. */
  readonly problem: Readonly<Record<string, unknown>> | null
}

interface Judgement {
  /** Whether the same may do better a moment later. */
  readonly passing: boolean
  /** Whether it speaks against the health of the called service. */
  readonly sick: boolean
  /** Whether the request cannot have reached the called service. */
  readonly unsent?: boolean
  /** How long the called service asks to be left alone, ms. */
  readonly retryAfterMs?: number
  readonly answer?: ErrorAnswer
}

/**
 * A call that failed, with a code of the catalogue: UPSTREAM_REFUSED (see `answer`),
 * UPSTREAM_BAD_ANSWER, UPSTREAM_TIMEOUT, UPSTREAM_UNREACHABLE, CIRCUIT_OPEN or TOO_MANY_CALLS. Thrown on
 * by a handler it answers the client 502, 503 or 504.
 */
export class CallError extends BanyanError {
  readonly answer: ErrorAnswer | null
  readonly judgement: Judgement

  constructor(
    code: ErrorCode,
    values: Record<string, unknown>,
    judgement: Judgement,
    options?: ErrorOptions,
  ) {
    super(code, values, options)
    this.name = 'CallError'
    this.judgement = judgement
    this.answer = judgement.answer ?? null
  }
}
