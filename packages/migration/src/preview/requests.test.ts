import { describe, expect, it } from 'vitest'
import type { ExtractionPlan, RoutesPlan } from '../plan.ts'
import { examplePlan } from '../testing/example-plan.ts'
import { previewSteps } from './index.ts'

const like = {
  name: 'things',
  routes: [{ methods: [], path: '/things/*' }],
  service: { url: 'http://127.0.0.1:2' },
  steps: [{ percent: 10, next: 'manual' }, { percent: 100 }],
} satisfies Omit<RoutesPlan, 'kind'>

// No database answers there: nothing of these is read of one.
const steps = (one: ExtractionPlan) =>
  previewSteps({ ...examplePlan(), extractions: [one] }, 'things')

describe('the preview of requests that move alone', () => {
  it('has no step that copies or compares, and holds nobody', async () => {
    const all = await steps({ ...like, kind: 'routes' })
    expect(all.map(({ step }) => step.replace(/ \(instead.*/, ''))).toEqual([
      'shadow 100 %',
      'canary 10 %',
      'cut over (100 %)',
      'soak',
      'complete',
      'cancel',
    ])
    const text = all.flatMap(({ does }) => does).join('\n')
    expect(text).toContain('requests of 102 of 1,024 buckets to the service; nobody is held')
    expect(text).not.toMatch(/stream|rows|trigger|lag/)
  })

  it('of an index begins with its backfill, and says how far behind it may be', async () => {
    const index = { path: '/internal/index', attempts: 2 }
    const all = await steps({ ...like, kind: 'index', index, gates: { lagMs: 7_000 } })
    expect(all.slice(0, 3).map(({ step }) => step)).toEqual(['backfill', 'verify', 'shadow 100 %'])
    expect(all[0]!.does[0]).toContain('POST http://127.0.0.1:2/internal/index')
    expect(all[0]!.does[1]).toContain('after 2 it pauses')
    for (const step of ['verify', 'canary 10 %']) {
      expect(all.find((one) => one.step === step)!.does.join('\n')).toContain('7,000 ms')
    }
  })
})
