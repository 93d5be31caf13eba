import { expect, it } from 'vitest'
import { judge } from '../../../scripts/requirements/judge.ts'
import type { Report, SystemReport } from '../../demo-view.ts'
import type { BlastRadius } from '../blast-radius/trial.ts'
import { VICTIMS } from '../blast-radius/victims.ts'
import { requirements } from '../requirements.ts'

/** As `npm start -- --system lego` moves them. */
const EXTRACTIONS = 'wishlist profile storage processing search gallery moc'.split(' ')

/** What is said against a requirement because of a report. */
function saidOf(name: string, content: unknown): string[] {
  const figures = new Map([[name, { file: `${name}.json`, content }]])
  const verdicts = judge(requirements, { tests: new Map(), scripts: new Map(), figures })
  return [...new Set(verdicts.flatMap(({ why }) => why))].filter((one) =>
    one.includes(`${name}.json`),
  )
}

it('the report of all extractions has every figure that a requirement names', () => {
  const report = (failed: number): Pick<SystemReport, 'extractions'> => ({
    extractions: EXTRACTIONS.map((extraction) => {
      const part: Pick<Report, 'extraction' | 'requests'> = {
        extraction,
        requests: { sent: 9, failed },
      }
      return part as Report
    }),
  })
  expect(saidOf('start', report(0))).toEqual([])
  expect(saidOf('start', report(1))).toContain(
    'extractions.search.requests.failed is 1 in start.json; at most 0',
  )
  expect(saidOf('start', { extractions: [] })).toContain(
    'start.json has no figure extractions.search.requests.failed',
  )
})

it('the report of the blast radius has every figure that a requirement names', () => {
  const report = (backSeconds: number): BlastRadius => ({
    ...{ requests: 9, failed: 0, failures: {}, mocBackSeconds: 3 },
    outages: VICTIMS.map((victim) => ({
      ...{ victim, requests: 9, failed: 0, p95Ms: 1, downSeconds: 1, backSeconds },
    })),
  })
  expect(saidOf('blast-radius', report(3))).toEqual([])
  expect(saidOf('blast-radius', report(121))).toHaveLength(VICTIMS.length)
})
