import { describe, expect, it } from 'vitest'
import { FAULTS_A_RUN, PHASES, planFaults, STEPS, victimsOf } from './faults.ts'

describe('the faults of many runs', () => {
  it.each([
    [0, 'banyan', 200],
    [7, 'banyan', 200],
    [977, 'banyan', 200],
    [3, 'haproxy', 221],
  ] as const)('strike everything everywhere, from seed %i on, through %s', (first, plane, runs) => {
    const faults = Array.from({ length: runs }, (_, i) => planFaults(first + i, plane)).flat()
    const met = (of: (fault: (typeof faults)[number]) => string) => new Set(faults.map(of))
    const steps = met(({ victim, place, direction }) => `${victim} at ${place} ${direction}`)
    for (const victim of victimsOf(plane)) {
      for (const phase of PHASES) expect(steps).toContain(`${victim} at ${phase} null`)
      for (const step of STEPS) {
        expect(steps).toContain(`${victim} at ${step} to target`)
        expect(steps).toContain(`${victim} at ${step} to source`)
      }
    }
    const where = met(({ place, extraction }) => `${place} of ${extraction}`)
    expect(where.size).toBe((PHASES.length + STEPS.length) * 2)
  })

  it('are the same for the same seed, and as many in each', () => {
    expect(planFaults(5)).toEqual(planFaults(5))
    expect(planFaults(5)).toHaveLength(FAULTS_A_RUN)
  })
})
