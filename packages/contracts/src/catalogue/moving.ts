import type { Catalogue } from './entry.ts'

/** Problems of gateways, of calls between processes, of the control plane and its command line. */
export const MOVING = {
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
  BODY_TOO_SLOW: {
    status: 408,
    title: 'The body of the request does not come',
    detail: 'In {windowMs} ms less came of it than a slow line brings. It was not answered.',
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
  UPSTREAM_AWAY: {
    status: 503,
    title: 'The upstream fails too often and is not asked for now',
    detail:
      '{upstream} failed in {failed} of its last {requests} requests; asked again in {waitMs} ms. The request was not forwarded. Try again.',
  },
  DATA_PLANE_LACKS: {
    status: 422,
    title: 'The data plane cannot do what the plan asks for',
    detail: '{dataPlane} cannot {what}. {next}',
  },
  DATA_PLANE_AWAY: {
    status: 503,
    title: 'The data plane does not take the route table',
    detail: '{dataPlane}: {reason}.',
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
  SIGN_IN_REFUSED: {
    status: 401,
    title: 'The console does not know these credentials',
    detail:
      'The {given} is not valid. Tokens are those of the plan (control.token, control.viewerToken); a link works once, within 15 minutes: "banyan console" makes another.',
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
  OUTSIDE_SCHEDULE: {
    status: 409,
    title: 'The plan moves nobody at this time',
    detail:
      '"{extraction}" moves users on {schedule}; now it waits for {waitsFor}. To move them all the same: despiteSchedule.',
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
  MONOLITH_RETIRED: {
    status: 409,
    title: 'The monolith is retired',
    detail:
      'The gateways send nothing to the monolith, so "{extraction}" cannot start. `banyan retire --undo` first.',
  },
  RETIRE_REFUSED: {
    status: 409,
    title: 'The monolith was not retired',
    detail: '{reason}.',
  },
  BAD_CERTIFICATE: {
    status: 422,
    title: 'The certificate cannot be used',
    detail: '{reason}',
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
  DATABASE_UNREADABLE: {
    status: 422,
    title: 'The database cannot be read',
    detail: '{reason}',
  },
  BAD_COMMAND: {
    status: 400,
    title: 'The command cannot be run as given',
    detail: '{reason}',
  },
} as const satisfies Catalogue
