import { z } from 'zod'

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
type Day = (typeof DAYS)[number]

/** When users may be moved to the service. What brings them back is never held up. */
export interface SchedulePlan {
  /** As in the IANA database: `Europe/Berlin`. */
  readonly timeZone: string
  /** Monday to Friday by default. */
  readonly days?: readonly Day[]
  /** `09:00`. */
  readonly from: string
  /** Not included, up to `24:00`. Before `from`: of the next day, as a night is the day's it begins on. */
  readonly to: string
  /** Days of the calendar that are none of these, `2026-12-24`. */
  readonly except?: readonly string[]
}

export type ResolvedSchedule = Required<SchedulePlan>

const clock = z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'must be a time like 09:30')
const calendarDay = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d$/, 'must be a day like 2026-12-24')
  .refine((given) => dayAfter(given, 0) === given, 'is no day of the calendar')

export const schedule = z
  .strictObject({
    timeZone: z.string().refine(isTimeZone, 'must be a time zone like Europe/Berlin'),
    days: z.array(z.enum(DAYS)).min(1).default(['mon', 'tue', 'wed', 'thu', 'fri']),
    from: clock.refine((given) => given !== '24:00', 'must be before 24:00'),
    to: clock,
    except: z.array(calendarDay).max(1_000).default([]),
  })
  .refine(({ from, to }) => from !== to, { path: ['to'], message: 'must differ from "from"' })
  .nullable()
  .default(null)

export function isOpen(schedule: ResolvedSchedule, at: Date): boolean {
  const { from, to } = schedule
  const { day, time } = localTime(schedule.timeZone, at)
  if (from < to) return isDayOf(schedule, day) && time >= from && time < to
  return (
    (isDayOf(schedule, day) && time >= from) || (isDayOf(schedule, dayAfter(day, -1)) && time < to)
  )
}

/** When it opens next; null where every day of the next year is excepted. */
export function opensNext(schedule: ResolvedSchedule, at: Date): Date | null {
  const { day: today } = localTime(schedule.timeZone, at)
  for (let ahead = 0; ahead <= 366; ahead++) {
    const day = dayAfter(today, ahead)
    if (!isDayOf(schedule, day)) continue
    const opens = instantOf(schedule.timeZone, day, schedule.from)
    if (opens > at) return opens
  }
  return null
}

/** Why nobody is moved now, with when that ends; null while it is open. */
export function closedText(schedule: ResolvedSchedule, at: Date): string | null {
  if (isOpen(schedule, at)) return null
  const opens = opensNext(schedule, at)
  if (!opens) return 'the schedule, which does not open within a year'
  const { day, time } = localTime(schedule.timeZone, opens)
  return `the schedule, which opens ${weekday(day)} ${day} ${time} (${schedule.timeZone})`
}

/** `mon, tue from 09:00 to 17:00 (Europe/Berlin), not on 2026-12-24`. */
export function scheduleText({ days, from, to, timeZone, except }: ResolvedSchedule): string {
  const but = except.length > 0 ? `, not on ${except.join(', ')}` : ''
  return `${days.join(', ')} from ${from} to ${to} (${timeZone})${but}`
}

function isDayOf({ days, except }: ResolvedSchedule, day: string): boolean {
  return days.includes(weekday(day)) && !except.includes(day)
}

function weekday(day: string): Day {
  return DAYS[new Date(`${day}T00:00Z`).getUTCDay()]!
}

function dayAfter(day: string, days: number): string {
  const at = new Date(`${day}T00:00Z`)
  if (Number.isNaN(at.getTime())) return ''
  at.setUTCDate(at.getUTCDate() + days)
  return at.toISOString().slice(0, 10)
}

function isTimeZone(given: string): boolean {
  try {
    formatOf(given)
    return true
  } catch {
    return false
  }
}

/** Making one takes a hundred times as long as using it. */
const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (!format) {
    format = new Intl.DateTimeFormat('sv-SE', {
      ...{ timeZone, year: 'numeric', month: '2-digit', day: '2-digit' },
      ...{ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    })
    formats.set(timeZone, format)
  }
  return format
}

/** What calendar and clock show there. */
function localTime(timeZone: string, at: Date): { day: string; time: string } {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  const { year, month, day, hour, minute } = parts as Record<string, string>
  return { day: `${year}-${month}-${day}`, time: `${hour}:${minute}` }
}

/** When calendar and clock show this there; where an hour is left out in spring, that much later. */
function instantOf(timeZone: string, day: string, time: string): Date {
  const wanted = Date.parse(`${day}T${time}Z`)
  let at = wanted
  // The offset there is known only for an instant: from one that is near, the right one is found at once or the second time.
  for (let i = 0; i < 2; i++) {
    const shown = localTime(timeZone, new Date(at))
    at += wanted - Date.parse(`${shown.day}T${shown.time}Z`)
  }
  return new Date(at)
}
