import { BanyanError, type ErrorCode, type Problem } from '@banyan/contracts'
import { ControlError } from '@banyan/migration'
import { CommanderError } from 'commander'
import { EXIT, type ExitCode } from './exit.ts'
import { nearest } from './nearest.ts'

/** A problem, what to do about it, and the code to exit with. */
export interface Failure {
  readonly problem: Problem & { readonly next: string }
  readonly exit: ExitCode
}

/** An error of the catalogue that knows better than its code what to do next. */
export class CommandError extends BanyanError {
  readonly next: string

  constructor(code: ErrorCode, values: Record<string, unknown>, next: string) {
    super(code, values)
    this.next = next
  }
}

/** The command line cannot be run as given. */
export function badCommand(reason: string, next: string): CommandError {
  return new CommandError('BAD_COMMAND', { reason }, next)
}

export function failureOf(error: unknown): Failure {
  const problem = problemOf(error)
  const next = error instanceof CommandError ? error.next : (choiceFor(error) ?? nextFor(problem))
  return { problem: { ...problem, next }, exit: exitFor(problem) }
}

function problemOf(error: unknown): Problem {
  if (error instanceof ControlError) return error.problem
  if (error instanceof BanyanError) return error.toProblem()
  if (error instanceof CommanderError) {
    const missing = error.code === 'commander.help'
    const reason = missing
      ? 'it has commands of its own, and none was given'
      : error.message.replace(/^error: /, '').replace(/\n/g, ' ')
    return new BanyanError('BAD_COMMAND', { reason }).toProblem()
  }
  return new BanyanError('INTERNAL', {
    reason: (error as Error).message ?? String(error),
  }).toProblem()
}

/** The choice that was meant by a word that is none; commander itself only looks at commands and options. */
function choiceFor(error: unknown): string | null {
  if (!(error instanceof CommanderError)) return null
  const said = /'([^']*)' is invalid.* Allowed choices are (.*)\.$/.exec(error.message)
  const close = said && nearest(said[1]!, said[2]!.split(', '))
  return close ? `Did you mean "${close}"?` : null
}

function exitFor({ code, status }: Problem): ExitCode {
  if (code === 'CONTROL_UNREACHABLE') return EXIT.unreachable
  if (status === 409) return EXIT.refused
  return status < 500 ? EXIT.usage : EXIT.internal
}

function nextFor(problem: Problem): string {
  switch (problem.code) {
    case 'CONTROL_UNREACHABLE':
      return 'Start the control plane with "banyan serve", or give its URL with --control.'
    case 'UNAUTHORISED':
      return 'Give the token the engine was started with: control.token of the plan (--config), or BANYAN_CONTROL_TOKEN.'
    case 'NO_SUCH_EXTRACTION':
      return unknownName(String(problem.given), String(problem.known ?? ''))
    case 'WRONG_PHASE':
      return `See where it stands with "banyan status ${problem.extraction}", and what it waits for with "banyan why ${problem.extraction}".`
    case 'TARGET_ANSWERS':
      return 'To give everything back with nothing lost: banyan rollback.'
    case 'NO_SUCH_TABLE':
      return unknownName(String(problem.given), String(problem.known ?? ''))
    case 'ARCHIVE_REFUSED':
    case 'DROP_REFUSED':
      return `See what is known of the tables: banyan status ${problem.extraction}.`
    case 'RETIRE_REFUSED':
      return 'See what each waits for: banyan status.'
    case 'BAD_ARCHIVE':
      return 'Take another copy of the archive; while the tables are there, they can be archived again.'
    case 'RESTORE_REFUSED':
      return 'Restore into an empty database, and look there: createdb, then banyan restore again.'
    case 'NOTHING_TO_REPAIR':
      return 'Nothing; "banyan verify --rows" lists what differs now.'
    case 'REPAIR_REFUSED':
      return 'Ask again; "banyan status" shows whether a handover or a stream is in the way.'
    case 'BAD_PLAN':
      return 'Correct the plan at the place named; "banyan doctor" then checks it against both databases.'
    case 'BAD_REQUEST':
    case 'VALIDATION':
    case 'BAD_COMMAND':
      return 'See "banyan help", or "banyan help COMMAND".'
    case 'UNAVAILABLE':
    case 'CONTROL_FAILED':
      return 'Look at the log of "banyan serve"; mostly its database cannot be reached.'
    case 'NO_SUCH_DEAD_LETTER':
      return 'Those that are there: banyan dlq list.'
    case 'NO_SUCH_SAGA':
      return 'Those that are there: banyan sagas list.'
    case 'WRONG_SAGA_STATE':
      return `See where it stands with "banyan sagas show ${problem.id}".`
    case 'DATA_PLANE_LACKS':
      return String(problem.next)
    case 'DATA_PLANE_AWAY':
      return 'See that haproxy is installed, and what its log says: haproxy.log in the folder (--folder).'
    case 'STALE_TOKEN':
      return 'Nothing: another engine has taken over. Ask again.'
    default:
      return 'Run it again; if it stays, report it with this message.'
  }
}

function unknownName(given: string, known: string): string {
  const close = nearest(given, known.split(', '))
  if (close) return `Did you mean "${close}"?`
  return known
    ? `Give one of: ${known}.`
    : 'The plan names the extractions; "banyan status" lists them.'
}
