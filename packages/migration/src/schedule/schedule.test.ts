import { describe, expect, it } from 'vitest'
import { previewActions } from '../action-preview.ts'
import { resolveExtraction } from '../plan.ts'
import { initialStatus } from '../report.ts'
import type { ExtractionRow } from '../store.ts'
import { examplePlan } from '../testing/example-plan.ts'
import { closedText, isOpen, opensNext, type SchedulePlan, scheduleText } from './schedule.ts'

const OFFICE: SchedulePlan = { timeZone: 'Europe/Berlin', from: '09:00', to: '17:00' }
const made = (change: Partial<SchedulePlan> = {}) =>
  resolveExtraction(examplePlan({ schedule: { ...OFFICE, ...change } }), 'things').schedule!

describe('a schedule', () => {
  // 2026-11-23 is a Monday; Berlin is an hour ahead of UTC in winter, two in summer.
  it.each([
    ['before it opens', '2026-11-23T07:59:59Z', false],
    ['when it opens', '2026-11-23T08:00:00Z', true],
    ['in summer, by its own clock', '2026-06-22T07:00:00Z', true],
    ['in its last minute', '2026-11-23T15:59:59Z', true],
    ['when it closes', '2026-11-23T16:00:00Z', false],
    ['on a Saturday', '2026-11-21T10:00:00Z', false],
  ])('is as the clock there says: %s', (_, at, open) => {
    expect(isOpen(made(), new Date(at))).toBe(open)
  })

  it('leaves out the days that are excepted', () => {
    const holidays = made({ except: ['2026-11-23'] })
    expect(isOpen(holidays, new Date('2026-11-23T10:00Z'))).toBe(false)
    expect(isOpen(holidays, new Date('2026-11-24T10:00Z'))).toBe(true)
  })

  it.each([
    ['Monday evening', '2026-11-23T22:30Z', true],
    ['early on Tuesday', '2026-11-24T04:00Z', true],
    ['on Tuesday morning', '2026-11-24T06:00Z', false],
    ['early on Monday, which is Sunday’s night', '2026-11-23T04:00Z', false],
    ['early on Saturday, which is Friday’s night', '2026-11-28T04:00Z', true],
  ])('may be of nights, which are the days’ they begin on: %s', (_, at, open) => {
    expect(isOpen(made({ from: '22:00', to: '06:00' }), new Date(at))).toBe(open)
  })

  it.each([
    ['later today', OFFICE, '2026-11-23T03:00Z', '2026-11-23T08:00:00.000Z'],
    ['after the weekend', OFFICE, '2026-11-20T18:00Z', '2026-11-23T08:00:00.000Z'],
    // The clocks go forward in the night to 2026-03-29, and back in the night to 2026-10-25.
    [
      'after the clocks went forward',
      { days: ['sun'] },
      '2026-03-28T12:00Z',
      '2026-03-29T07:00:00.000Z',
    ],
    [
      'after the clocks went back',
      { days: ['sun'] },
      '2026-10-24T12:00Z',
      '2026-10-25T08:00:00.000Z',
    ],
    [
      'in an hour that there is not',
      { days: ['sun'], from: '02:30' },
      '2026-03-28T12:00Z',
      '2026-03-29T01:30:00.000Z',
    ],
    [
      'when the days after are excepted',
      { except: ['2026-11-23', '2026-11-24'] },
      '2026-11-21T12:00Z',
      '2026-11-25T08:00:00.000Z',
    ],
  ] as const)('says when it opens next: %s', (_, change, at, opens) => {
    expect(opensNext(made(change as Partial<SchedulePlan>), new Date(at))?.toISOString()).toBe(
      opens,
    )
  })

  it('says so, and what it is', () => {
    const one = made({ except: ['2026-11-23'] })
    expect(closedText(one, new Date('2026-11-21T12:00Z'))).toBe(
      'the schedule, which opens tue 2026-11-24 09:00 (Europe/Berlin)',
    )
    expect(closedText(one, new Date('2026-11-24T12:00Z'))).toBeNull()
    expect(scheduleText(one)).toBe(
      'mon, tue, wed, thu, fri from 09:00 to 17:00 (Europe/Berlin), not on 2026-11-23',
    )
  })

  it('that is closed is told before somebody promotes, and holds up no rollback', async () => {
    const always = { timeZone: 'UTC', from: '00:00', to: '24:00' }
    const today = new Date().toISOString().slice(0, 10)
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
    const schedule: SchedulePlan = { ...always, except: [today, tomorrow] }
    const plan = resolveExtraction(examplePlan({ schedule }), 'things')
    const row: ExtractionRow = {
      ...{ name: 'things', phase: 'canary', phaseSince: new Date(), goal: 10, revision: 1 },
      ...{ paused: false, pausedWhy: null, copyLimit: null, wanted: [], sequences: [] },
      ...{ servers: null, oldTables: {}, status: null },
    }
    const status = initialStatus(row, 'tables')
    const previews = await previewActions({ row, plan, status, sourceUrl: 'postgres://nowhere' })
    const refused = (wanted: string) =>
      previews.find(({ action }) => action === wanted)?.refused ?? null
    expect(refused('promote')).toContain('now it waits for the schedule, which opens')
    expect(refused('rollback')).toBeNull()
  })

  it.each([
    ['a time zone like', { timeZone: 'Europe/Atlantis' }],
    ['a time like 09:30', { from: '9' }],
    ['a time like 09:30', { to: '25:00' }],
    ['must differ', { to: '09:00' }],
    ['no day of the calendar', { except: ['2026-02-30'] }],
    ['schedule.days', { days: [] }],
  ])('is refused, saying why: %s', (words, change) => {
    expect(() => made(change)).toThrow(words)
  })
})
