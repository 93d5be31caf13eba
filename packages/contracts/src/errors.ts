/**
 * The error catalogue: every problem a process of ours answers or prints, by its code.
 * `docs/errors.md` is held against it by a test.
 */
export const CATALOGUE = {
  NOT_OWNER: {
    status: 409,
    title: 'This side does not own the row',
    detail:
      'Bucket {bucket} of extraction "{extraction}" is owned by the {owner} since {since}. Send the write through the gateway.',
  },
  HELD_TOO_LONG: {
    status: 503,
    title: 'A handover took longer than its budget',
    detail:
      'The request was held for {heldMs} ms (budget {budgetMs} ms) and was not forwarded. Try again.',
  },
  HOLD_QUEUE_FULL: {
    status: 503,
    title: 'Too many requests are waiting for a handover',
    detail:
      '{held} requests are held, {limit} are allowed. The request was not forwarded. Try again.',
  },
  LEASE_LOST: {
    status: 503,
    title: 'The gateway has lost touch with its control plane',
    detail:
      'Moved routes are refused until the lease is renewed; last renewal {agoMs} ms ago. Other routes go on.',
  },
  BAD_TOKEN: {
    status: 401,
    title: 'The access token is not valid',
    detail: '{reason}',
  },
  BAD_SERVICE_TOKEN: {
    status: 401,
    title: 'The calling service is not known',
    detail: '{reason}',
  },
  CALLER_NOT_ALLOWED: {
    status: 403,
    title: 'The calling service may not use this route',
    detail: '{caller} called {route}; allowed: {allowed}.',
  },
  BAD_TARGET: {
    status: 400,
    title: 'The request target is refused',
    detail: '{reason}',
  },
  BAD_REQUEST: {
    status: 400,
    title: 'The request is not valid',
    detail: '{reason}',
  },
  UPSTREAM_UNREACHABLE: {
    status: 502,
    title: 'The upstream did not answer',
    detail: '{upstream} failed before an answer began: {reason}',
  },
  UPSTREAM_TIMEOUT: {
    status: 504,
    title: 'The upstream took too long',
    detail: '{upstream} did not answer within {timeoutMs} ms.',
  },
  UPSTREAM_REFUSED: {
    status: 502,
    title: 'A called service answered with an error',
    detail: '{upstream} answered {answered}: {reason}',
  },
  UPSTREAM_BAD_ANSWER: {
    status: 502,
    title: 'A called service answered what it must not',
    detail: '{upstream} answered {answered}: {reason}',
  },
  CIRCUIT_OPEN: {
    status: 503,
    title: 'A called service fails too often and is not asked for now',
    detail: '{upstream} failed in {failed} of its last {calls} calls; asked again in {waitMs} ms.',
  },
  TOO_MANY_CALLS: {
    status: 503,
    title: 'Too many calls to a service wait already',
    detail: '{running} calls to {upstream} run and {waiting} wait; no more are taken. Try again.',
  },
  UNAUTHORISED: {
    status: 401,
    title: 'Credentials are missing or wrong',
    detail: 'Send the control token as "Authorization: Bearer …".',
  },
  NO_SUCH_EXTRACTION: {
    status: 404,
    title: 'There is no such extraction',
    detail: 'Given "{given}"; known: {known}.',
  },
  WRONG_PHASE: {
    status: 409,
    title: 'The extraction is not in a phase that allows this',
    detail: '"{action}" needs one of: {allowed}; "{extraction}" is {phase}.',
  },
  WRONG_KIND: {
    status: 409,
    title: 'The extraction has nothing that this is about',
    detail: '"{action}" is about rows; "{extraction}" moves none of its own (kind "{kind}").',
  },
  TARGET_ANSWERS: {
    status: 409,
    title: 'The target can be reached',
    detail:
      'Only a target that is gone for good is abandoned; that of "{extraction}" answers. Use rollback, which loses nothing.',
  },
  BAD_PLAN: {
    status: 422,
    title: 'The plan is not valid',
    detail: '{where}: {reason}',
  },
  NO_SUCH_TABLE: {
    status: 404,
    title: 'The extraction does not move such a table',
    detail: 'Given "{given}"; "{extraction}" moves {known}.',
  },
  NOTHING_TO_REPAIR: {
    status: 409,
    title: 'There is nothing to repair',
    detail: '{row}: {reason}.',
  },
  REPAIR_REFUSED: {
    status: 409,
    title: 'The row was not repaired',
    detail: '{row}: {reason}.',
  },
  ARCHIVE_REFUSED: {
    status: 409,
    title: 'The old tables were not archived',
    detail: '"{extraction}": {reason}.',
  },
  BAD_ARCHIVE: {
    status: 422,
    title: 'The archive cannot be used',
    detail: '{place}: {reason}.',
  },
  RESTORE_REFUSED: {
    status: 409,
    title: 'The archive was not restored',
    detail: '{reason}.',
  },
  DROP_REFUSED: {
    status: 409,
    title: 'The old tables were not dropped',
    detail: '"{extraction}": {reason}.',
  },
  RETIRE_REFUSED: {
    status: 409,
    title: 'The monolith was not retired',
    detail: '{reason}.',
  },
  NO_SUCH_GATEWAY: {
    status: 404,
    title: 'The gateway is not registered',
    detail:
      'Gateway "{given}" is not registered, or another took its admin address. Register again.',
  },
  CONTROL_FAILED: {
    status: 500,
    title: 'The control plane could not do it',
    detail: '{reason}',
  },
  CONTROL_UNREACHABLE: {
    status: 503,
    title: 'No control plane answers',
    detail: 'Asked {urls}. {reason}',
  },
  BAD_COMMAND: {
    status: 400,
    title: 'The command cannot be run as given',
    detail: '{reason}',
  },
  NOT_FOUND: {
    status: 404,
    title: 'There is no such thing',
    detail: 'There is no such {what}.',
  },
  VALIDATION: {
    status: 400,
    title: 'The request breaks a rule of its route',
    detail: '{reason}',
  },
  UNAUTHENTICATED: {
    status: 401,
    title: 'The request names no caller that can be believed',
    detail: 'Send it through the gateway, signed in. {reason}',
  },
  FORBIDDEN: {
    status: 403,
    title: 'The caller may not do this',
    detail: '{reason}',
  },
  CONFLICT: {
    status: 409,
    title: 'Another request changed the same data',
    detail: 'Try again.',
  },
  KEY_IN_FLIGHT: {
    status: 409,
    title: 'A request with this Idempotency-Key is still running',
    detail: 'Ask again in a moment: the answer will be that of the first request.',
  },
  KEY_REUSED: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    detail: 'A key stands for one request, sent once or often. Take a new key for a new request.',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    title: 'Too many requests',
    detail:
      'Limit "{rule}" lets {requests} requests pass in {seconds} s for each {per}. The next one may come in {retryAfterS} s.',
  },
  TOO_LARGE: {
    status: 413,
    title: 'The body is too large',
    detail: 'At most {limitBytes} bytes are taken.',
  },
  UNSUPPORTED_TYPE: {
    status: 415,
    title: 'The body is of a type that is not taken',
    detail: 'Given "{given}".',
  },
  UNAVAILABLE: {
    status: 503,
    title: 'The service cannot do it now',
    detail: '{reason} Try again.',
  },
  INTERNAL: {
    status: 500,
    title: 'Something failed that should not',
    detail: '{reason}',
  },
  STALE_TOKEN: {
    status: 409,
    title: 'Another engine has taken over',
    detail: 'This engine holds token {held}; the highest is {highest}.',
  },
  SERVER_CHANGED: {
    status: 409,
    title: 'A side is on another server than before',
    detail:
      'The {side} of "{extraction}" was server {was} and is {now}: a failover or a restore. It may lack the last commits, so both sides are closed to writes. Look which rows it lacks, then "banyan confirm".',
  },
  BAD_EVENT: {
    status: 422,
    title: 'The event is not valid',
    detail: 'Event "{type}": {reason}.',
  },
  BAD_EVENT_DEFINITION: {
    status: 422,
    title: 'The event cannot be defined like this',
    detail: 'Event "{type}": {reason}.',
  },
  BAD_SUBSCRIPTION: {
    status: 422,
    title: 'The subscription is not valid',
    detail: 'Group "{group}": {reason}.',
  },
  BAD_BUS_SETTING: {
    status: 422,
    title: 'A setting of the bus is not valid',
    detail: '{reason}.',
  },
  MESSAGE_TOO_LARGE: {
    status: 413,
    title: 'The message is larger than its transport takes',
    detail:
      'Event {id} of type "{type}" is {bytes} bytes on the wire, {limit} are allowed. Keep the large part elsewhere and send a reference.',
  },
  PRODUCER_FENCED: {
    status: 409,
    title: 'Another process publishes under this name',
    detail:
      'The broker has given the transactions of "{transactionalId}" to another process, or has given one up that took too long. This one publishes no more until it is started again.',
  },
  SERVER_TOO_OLD: {
    status: 422,
    title: 'The PostgreSQL server is too old',
    detail: 'It is version {given}; {oldest} or newer is needed. Upgrade it (pg_upgrade) first.',
  },
  BAD_SCHEMA_NAME: {
    status: 422,
    title: 'The schema cannot have this name',
    detail: 'Given "{given}"; allowed are 1 to 48 of a–z, 0–9 and "_", the first one not a digit.',
  },
  BAD_MESSAGE: {
    status: 422,
    title: 'The message is not valid',
    detail: '{field}: given {given}, allowed is {rule}.',
  },
  CLAIM_LOST: {
    status: 409,
    title: 'Another runner has taken the work over',
    detail: 'The lease of claim {token} is over; what this runner did since was not kept.',
  },
  NO_SUCH_DEAD_LETTER: {
    status: 404,
    title: 'There is no such dead letter',
    detail: 'Given "{given}"; it never was, or has been redriven or discarded.',
  },
  BAD_SAGA_INPUT: {
    status: 422,
    title: 'The input does not fit the saga',
    detail: 'Saga "{saga}": {reason}',
  },
  NO_SUCH_SAGA: {
    status: 404,
    title: 'There is no such saga',
    detail: 'Given "{given}". Sagas that have ended are deleted after a while.',
  },
  WRONG_SAGA_STATE: {
    status: 409,
    title: 'The saga is not in a state that allows this',
    detail: '"{action}" needs one of: {allowed}; saga {id} is {state}.',
  },
  BAD_JOB_PAYLOAD: {
    status: 422,
    title: 'The payload does not fit the job',
    detail: 'Job "{job}": {reason}',
  },
  BAD_SCHEDULE: {
    status: 422,
    title: 'The schedule cannot be kept',
    detail: 'Schedule "{schedule}": {reason}',
  },
  BAD_OBJECT_KEY: {
    status: 400,
    title: 'The key is not one an object may have',
    detail: 'Given "{given}": {reason}.',
  },
  BAD_OBJECT: {
    status: 422,
    title: 'The object store is asked for what it does not do',
    detail: '{what} is {given}; allowed is {allowed}.',
  },
  BAD_RANGE: {
    status: 416,
    title: 'The range lies outside of the object',
    detail: 'Given bytes {given}; the object has {size}.',
  },
  BAD_SIGNED_URL: {
    status: 403,
    title: 'The signed URL is not valid',
    detail: '{reason}. Ask for a new one.',
  },
  OBJECT_UNREADABLE: {
    status: 500,
    title: 'A stored object cannot be read',
    detail: 'Object "{key}": {reason}.',
  },
  OBJECT_STORE_FAILED: {
    status: 503,
    title: 'The object store failed',
    detail: '{store}: {reason}',
  },
  BAD_OBJECT_STORE: {
    status: 422,
    title: 'A setting of the object store is not valid',
    detail: '{reason}.',
  },
} as const satisfies Record<string, { status: number; title: string; detail: string }>

export type ErrorCode = keyof typeof CATALOGUE

/** RFC 9457 problem details. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly [extension: string]: unknown
}

export const PROBLEM_TYPE = 'application/problem+json'

/** An error of the catalogue; `values` fill the template and travel as extension members. */
export class BanyanError extends Error {
  readonly code: ErrorCode
  readonly values: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, values: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(fill(CATALOGUE[code].detail, values), options)
    this.name = 'BanyanError'
    this.code = code
    this.values = values
  }

  get status(): number {
    return CATALOGUE[this.code].status
  }

  toProblem(): Problem {
    return {
      ...this.values,
      type: `urn:banyan:error:${this.code.toLowerCase()}`,
      title: CATALOGUE[this.code].title,
      status: this.status,
      detail: this.message,
      code: this.code,
    }
  }
}

function fill(template: string, values: Record<string, unknown>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? `{${name}}`))
}
