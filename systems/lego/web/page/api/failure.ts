/** One field, or one line of a file, that is not as it should be. */
export interface Fault {
  readonly where: string
  readonly message: string
}

/** What a request came to when it did not do what it was for, in words for the person who asked. */
export class Failure extends Error {
  /** Of the answer; 0 when none came. */
  readonly status: number
  readonly code: string
  /** By which whoever runs this finds the request again. */
  readonly correlationId: string
  readonly faults: readonly Fault[]
  /** Not before this long, ms; null where nobody said. */
  readonly retryAfterMs: number | null

  constructor(
    message: string,
    parts: {
      status: number
      code: string
      correlationId: string
      faults?: readonly Fault[]
      retryAfterMs?: number | null
    },
  ) {
    super(message)
    this.status = parts.status
    this.code = parts.code
    this.correlationId = parts.correlationId
    this.faults = parts.faults ?? []
    this.retryAfterMs = parts.retryAfterMs ?? null
  }

  /** The same request may well succeed a little later. */
  get passing(): boolean {
    return this.status === 0 || PASSING.has(this.status)
  }

  /** Nobody answers this route: it is not offered here, or not yet. */
  get notOffered(): boolean {
    return this.status === 404 && /no such route/i.test(this.message)
  }
}

const PASSING = new Set([429, 502, 503, 504])

/** Codes whose own words are for those who run this, not for those who use it. */
const WORDS: Readonly<Record<string, string>> = {
  NO_ANSWER: 'There was no answer. Look whether you are online, and try again.',
  HELD_TOO_LONG: 'We are busy at the moment and have changed nothing. Please try again.',
  HOLD_QUEUE_FULL: 'We are busy at the moment and have changed nothing. Please try again.',
  LEASE_LOST: 'This cannot be reached at the moment. Please try again in a minute.',
  UPSTREAM_UNREACHABLE: 'This cannot be reached at the moment. Please try again in a minute.',
  UPSTREAM_REFUSED: 'This cannot be reached at the moment. Please try again in a minute.',
  UPSTREAM_BAD_ANSWER: 'Something went wrong here. Please try again.',
  CIRCUIT_OPEN: 'This cannot be reached at the moment. Please try again in a minute.',
  UNAVAILABLE: 'This cannot be reached at the moment. Please try again in a minute.',
  NOT_OWNER: 'This was being moved just now and has not been changed. Please try again.',
  INTERNAL: 'Something went wrong here. Please try again.',
  TOO_MANY_CALLS: 'We are busy at the moment and have changed nothing. Please try again.',
  VALIDATION: 'Some of this is not as it should be.',
  REORDER_MISMATCH: 'Your wishlist was changed elsewhere meanwhile. The order is as it was before.',
}

const UNKNOWN_OUTCOME = 'No answer came in time. It may have been done: look before you try again.'

/** What was asked, as far as a failure tells of it. */
export interface Asked {
  readonly method: string
  readonly correlationId: string
  /** The header of the answer, seconds. */
  readonly retryAfter?: string | null
}

/** Reads what the gateway (problem+json), the monolith and its services ({error}) answer. */
export function failureOf(status: number, body: unknown, request: Asked): Failure {
  const { error, code: own, detail, title } = (body ?? {}) as Answered
  const code = error?.code ?? own ?? (status === 0 ? 'NO_ANSWER' : `HTTP_${status}`)
  const said = error?.message ?? detail ?? title
  return new Failure(wordsFor(status, code, said, request.method), {
    status,
    code,
    correlationId: request.correlationId,
    faults: faultsOf(error?.details),
    retryAfterMs: waitOf(request.retryAfter),
  })
}

function wordsFor(status: number, code: string, said: string | undefined, method: string): string {
  if (status === 504 && method !== 'GET') return UNKNOWN_OUTCOME
  if (status === 429) return 'That was a little fast. Please try again in a moment.'
  const known = WORDS[code]
  if (known !== undefined) return known
  if (said !== undefined && status < 500) return said.endsWith('.') ? said : `${said}.`
  if (PASSING.has(status)) return WORDS.UNAVAILABLE!
  return status >= 500 ? WORDS.INTERNAL! : `This was refused (${status}).`
}

/** Longer than this nobody looks at a page that does not answer, ms. */
const LONGEST_WAIT_MS = 20_000

function waitOf(header: string | null | undefined): number | null {
  const seconds = Number(header)
  if (!header || !Number.isFinite(seconds) || seconds < 0) return null
  return Math.min(seconds * 1000, LONGEST_WAIT_MS)
}

interface Answered {
  readonly code?: string
  readonly detail?: string
  readonly title?: string
  readonly error?: { readonly code?: string; readonly message?: string; readonly details?: unknown }
}

/** More than these help nobody; the rest are counted. */
const SHOWN_FAULTS = 5

function faultsOf(details: unknown): Fault[] {
  if (!Array.isArray(details)) return []
  const faults = details.map((one: { path?: string; at?: number } & Record<string, unknown>) => ({
    where: one.path || (one.at === undefined ? '' : `line ${one.at}`),
    message: String(one.message ?? one.reason ?? ''),
  }))
  if (faults.length <= SHOWN_FAULTS) return faults
  const more = faults.length - SHOWN_FAULTS
  return [...faults.slice(0, SHOWN_FAULTS), { where: '', message: `and ${more} more` }]
}
