import { describe, expect, it } from 'vitest'
import { isInHandover, planFaults, STEPS, VICTIMS } from './faults.ts'

describe('the faults of 20 runs', () => {
  it.each([0, 1, 977])('strike everything at every step, from seed %i on', (first) => {
    const faults = Array.from({ length: 20 }, (_, i) => planFaults(first + i)).flat()
    const pairs = new Set(faults.map(({ victim, step }) => `${victim} at ${step}`))
    expect(pairs.size).toBe(VICTIMS.length * STEPS.length)
    expect(faults.filter(({ step }) => isInHandover(step)).length * 2).toBeGreaterThan(
      faults.length,
    )
  })

  it('are the same for the same seed, and come in the order of the phases', () => {
    expect(planFaults(5)).toEqual(planFaults(5))
    expect(planFaults(5).map(({ step }) => step)).toEqual([
      'copying',
      'verifying',
      'flip',
      'settle',
    ])
  })
})
