import type { Catalogue } from './entry.ts'

/** Problems of a service's routes, of databases, and of what its work stands on: bus, durable work, objects. */
export const SERVING = {
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
  WORKER_FAILED: {
    status: 503,
    title: 'A worker of the gateway does not start',
    detail: 'Worker {worker}: {reason}.',
  },
  WORKERS_END: {
    status: 503,
    title: 'Workers of the gateway keep ending',
    detail: '{ended} ended soon after they began, one after the other; the last one {how}.',
  },
  RELOAD_REFUSED: {
    status: 409,
    title: 'The gateway goes on with the settings it has',
    detail: 'The workers that serve go on as they are. New ones do not serve: {reason}',
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
} as const satisfies Catalogue
