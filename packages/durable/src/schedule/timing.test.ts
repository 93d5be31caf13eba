import { expect, it } from 'vitest'
import { cronTiming, dueRuns, intervalTiming } from './timing.ts'

const at = (time: string) => new Date(`2026-03-${time}Z`)
const times = (dates: readonly Date[]) => dates.map((date) => date.toISOString().slice(8, 16))
const hourly = cronTiming('hourly', '0 * * * *', 'UTC')
const MINUTE = 60_000

it('runs what is due in time, whatever is to become of missed runs', () => {
  for (const misfire of ['skip', 'once', 'all'] as const) {
    const { due, next } = dueRuns(hourly, misfire, at('10T04:00'), at('10T04:00:30'), MINUTE)
    expect(times(due)).toEqual(['10T04:00'])
    expect(next).toEqual(at('10T05:00'))
  }
})

it('makes up for missed runs as it is told: for none, for all with one, for each', () => {
  const run = (misfire: 'skip' | 'once' | 'all') =>
    dueRuns(hourly, misfire, at('10T01:00'), at('10T04:30'), MINUTE)
  expect(times(run('skip').due)).toEqual([])
  expect(times(run('once').due)).toEqual(['10T04:00'])
  expect(times(run('all').due)).toEqual(['10T01:00', '10T02:00', '10T03:00', '10T04:00'])
  for (const misfire of ['skip', 'once', 'all'] as const) {
    expect(run(misfire).next).toEqual(at('10T05:00'))
  }
})

it('runs the one in time too, after the one for all that were missed', () => {
  const { due } = dueRuns(hourly, 'once', at('10T01:00'), at('10T04:00:10'), MINUTE)
  expect(times(due)).toEqual(['10T03:00', '10T04:00'])
})

it('makes up for at most 1,000 in one go, and goes on after them', () => {
  const minutely = intervalTiming('minutely', MINUTE)
  const { due, next } = dueRuns(minutely, 'all', at('01T00:00'), at('03T00:00'), MINUTE)
  expect(due).toHaveLength(1_000)
  expect(next).toEqual(new Date(at('01T00:00').getTime() + 1_000 * MINUTE))
})

it('does not enumerate a year of seconds to find the last one that was missed', () => {
  const secondly = intervalTiming('secondly', 1_000)
  const { due } = dueRuns(secondly, 'once', at('01T00:00'), new Date('2027-03-01T00:00:00Z'), 1_000)
  expect(due).toHaveLength(2)
})

it('knows the last time at or before a moment', () => {
  expect(hourly.before(at('10T04:00'))).toEqual(at('10T04:00'))
  expect(hourly.before(at('10T03:59:59.999'))).toEqual(at('10T03:00'))
  expect(intervalTiming('x', 1_000).before(at('10T04:00:00.5'))).toEqual(at('10T04:00'))
})

it('keeps the hour of a time zone over a change of its clocks', () => {
  const berlin = cronTiming('berlin', '30 3 * * *', 'Europe/Berlin')
  const { due } = dueRuns(berlin, 'all', at('28T02:30'), at('30T02:00'), MINUTE)
  expect(times(due)).toEqual(['28T02:30', '29T01:30', '30T01:30'])
})

it('refuses a cron expression, a time zone and an interval that are none, naming them', () => {
  expect(() => cronTiming('nightly', '61 * * * *', 'UTC')).toThrow(
    /"nightly": cron "61 \* \* \* \*"/,
  )
  expect(() => cronTiming('nightly', '0 * * * *', 'Mars/Olympus')).toThrow('"Mars/Olympus"')
  expect(() => intervalTiming('often', 5)).toThrow('whole number from 100; 5 was given')
})
