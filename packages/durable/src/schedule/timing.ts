import { BanyanError } from '@banyan/contracts'
import { Cron } from 'croner'

/** `skip`: a run that was missed is not made up for. `once`: one run for all missed. `all`: each of them. */
export type Misfire = 'skip' | 'once' | 'all'

/** When a schedule is due. */
export interface Timing {
  /** The same text, the same times: a change of it starts the schedule anew. */
  readonly text: string
  /** The first due time after `at`; null when there is none. */
  after(at: Date): Date | null
  /** The last due time at or before `at`; null when there is none. */
  before(at: Date): Date | null
}

/** Runs made up for in one go; the others follow in the next. */
const MOST_AT_ONCE = 1_000

/**
 * Five or six fields (seconds first), in a time zone of the IANA list.
 *
 * @throws BAD_SCHEDULE
 */
export function cronTiming(schedule: string, cron: string, timeZone: string): Timing {
  let pattern: Cron
  try {
    pattern = new Cron(cron, { paused: true, timezone: timeZone })
    // A zone that nobody knows is noticed at the first use only.
    pattern.nextRun()
  } catch (error) {
    const reason = `cron "${cron}" in time zone "${timeZone}": ${(error as Error).message}`
    throw new BanyanError('BAD_SCHEDULE', { schedule, reason })
  }
  return {
    text: `${cron} ${timeZone}`,
    after: (at) => pattern.nextRun(at),
    // The times before a moment do not hold that moment itself; cron knows whole seconds.
    before: (at) =>
      pattern.previousRuns(1, new Date(at.getTime() + 1_000 - (at.getTime() % 1_000)))[0] ?? null,
  }
}

/**
 * Every so many ms, counted from 1970, so that all processes and all deploys mean the same moments.
 *
 * @throws BAD_SCHEDULE
 */
export function intervalTiming(schedule: string, everyMs: number): Timing {
  if (!Number.isSafeInteger(everyMs) || everyMs < 100) {
    const reason = `everyMs is a whole number from 100; ${everyMs} was given.`
    throw new BanyanError('BAD_SCHEDULE', { schedule, reason })
  }
  const floor = (at: Date) => Math.floor(at.getTime() / everyMs) * everyMs
  return {
    text: `every ${everyMs} ms`,
    after: (at) => new Date(floor(at) + everyMs),
    before: (at) => new Date(floor(at)),
  }
}

/**
 * What is to be run at `now`, when nothing was since `next` was due. What was due at most `toleranceMs`
 * ago is in time; older ones were missed.
 *
 * @returns the due times to run, oldest first, and the next one after them.
 */
export function dueRuns(
  timing: Timing,
  misfire: Misfire,
  next: Date,
  now: Date,
  toleranceMs: number,
): { due: Date[]; next: Date | null } {
  const inTime = new Date(now.getTime() - toleranceMs)
  const due: Date[] = []
  let at: Date | null = next
  if (misfire !== 'all' && next < inTime) {
    const missed = timing.before(inTime)
    if (misfire === 'once' && missed && missed >= next) due.push(missed)
    at = timing.after(inTime)
  }
  while (at && at <= now && due.length < MOST_AT_ONCE) {
    due.push(at)
    at = timing.after(at)
  }
  return { due, next: at }
}
