import { describe, expect, it } from 'vitest'
import { judge as judgeRequirements } from '../../scripts/requirements/judge.ts'
import { requirements } from '../../systems/lego/requirements.ts'
import { type Figures, judge, type Minute } from './goals.ts'
import { idAt, writtenAt } from './propagation.ts'
import { summaryOf } from './samples.ts'

const took = (ms: number) => summaryOf([ms])
const batch = (failedShare: number) => ({
  ...{ count: 100, failedShare, failures: {}, tookMs: took(1) },
})
const minute = (ms: number, failedShare = 0): Minute => ({
  ...{ seconds: 60, requests: 30_000, failedShare, failures: {}, mocRate: 500, mocShortfall: 0 },
  ...{ moc: took(ms), mocReads: took(ms), mocWrites: took(ms), mocValidated: took(ms) },
  ...{ gallery: took(ms), wishlist: took(ms), profile: took(ms), search: took(ms) },
  ...{ routing: took(ms), indexLag: took(ms), neverFound: 0, generatorLate: took(0), cpuMs: {} },
  propagation: { tookMs: took(ms), waited: 0, deadLetters: 0 },
  partsLists: { ...batch(failedShare), readMs: took(1) },
})
const creation = (timeRatio: number) => ({
  ...{ services: took(10), monolith: took(10 / timeRatio), timeRatio, rounds: [] },
  ...{ failures: {}, failedShare: 0 },
})
const missed = (figures: Figures) =>
  judge(figures)
    .filter((goal) => !goal.met)
    .map(({ name }) => name)

describe('the goals', () => {
  it('are those of what was measured', () => {
    expect(judge({})).toEqual([])
    const names = judge({ steady: minute(1) }).map(({ name }) => name)
    expect(names.every((name) => name.startsWith('steady.'))).toBe(true)
    expect(names).toContain('steady.moc.p95')
  })

  it('differ by service, and are the same while a hundred jobs and uploads run', () => {
    for (const name of ['steady', 'spike'] as const) {
      const at = (ms: number) => missed({ [name]: { ...minute(ms), uploads: batch(0) } })
      expect(at(50)).toEqual([])
      expect(at(151)).toEqual([`${name}.profile.p95`, `${name}.routing.p95`])
      expect(at(201)).toContain(`${name}.moc.p95`)
      expect(at(201)).toContain(`${name}.wishlist.p95`)
      expect(at(201)).not.toContain(`${name}.gallery.p95`)
      expect(at(251)).toContain(`${name}.gallery.p95`)
      expect(at(251)).not.toContain(`${name}.mocValidated.p95`)
    }
  })

  it('are missed by what was not measured, and by more than one upload in two hundred', () => {
    expect(missed({ steady: { ...minute(1), search: summaryOf([]) } })).toEqual([
      'steady.search.p95',
    ])
    const spike = (share: number) => missed({ spike: { ...minute(1), uploads: batch(share) } })
    expect(spike(0.005)).toEqual([])
    expect(spike(0.01)).toEqual(['spike.uploads.failedShare'])
  })

  it('are missed by a list that waits too long, also where each is read in no time', () => {
    const { partsLists } = minute(1)
    const of = (lists: Partial<typeof partsLists>) =>
      missed({ steady: { ...minute(1), partsLists: { ...partsLists, ...lists } } })
    expect(of({ tookMs: took(5_001) })).toEqual(['steady.partsLists.tookMs.p95'])
    expect(of({ readMs: took(5_001) })).toEqual(['steady.partsLists.readMs.p95'])
  })

  it('want creations in two fifths of the monolith’s time', () => {
    const [met, slow] = [creation(0.4), creation(0.41)]
    const all = { everyday: met, alone: met, besideLists: met }
    expect(missed({ creation: all })).toEqual([])
    for (const name of ['everyday', 'alone', 'besideLists'] as const) {
      expect(missed({ creation: { ...all, [name]: slow } })).toEqual([`creation.${name}.timeRatio`])
    }
  })
})

it('measures every figure that a requirement names', () => {
  const content = { steady: minute(1), spike: { ...minute(1), uploads: batch(0) }, reduced: 0 }
  const figures = new Map([['bench', { file: 'bench.json', content }]])
  const verdicts = judgeRequirements(requirements, {
    tests: new Map(),
    scripts: new Map(),
    figures,
  })
  const why = verdicts.flatMap((one) => one.why).filter((text) => text.includes('bench'))
  expect(why).toEqual([])
  const state = Object.fromEntries(verdicts.map((one) => [one.id, one.state]))
  expect(state).toMatchObject({ 'NFR1.1': 'shown', 'NFR2.2': 'shown', 'NFR2.3': 'shown' })
})

it('reads the moment at which an event was written from its id', () => {
  expect(writtenAt('0190163d-8694-739b-aea5-966c26f8ad91')).toBe(0x0190163d8694)
  const now = 1_763_753_679_123
  expect(writtenAt(idAt(now))).toBe(now)
  expect(idAt(now) < idAt(now + 1)).toBe(true)
})
