import { describe, expect, it } from 'vitest'
import { budgetProblem } from './hold-budget.ts'

describe('what is left of a hold budget', () => {
  it('will do when it is more than what holding and closing took', () => {
    expect(budgetProblem(2_000, 20, 21)).toBeNull()
    expect(budgetProblem(2_000, 20, 20)).toBe(
      'the hold budget was spent: 20 of 2000 ms are left, and opening the other side takes about 20 ms',
    )
  })

  it('need not be more than a quarter of it', () => {
    expect(budgetProblem(2_000, 1_200, 501)).toBeNull()
    expect(budgetProblem(2_000, 1_200, 500)).toContain('takes about 500 ms')
  })

  it('never does when there is none', () => {
    expect(budgetProblem(2_000, 0, 0)).not.toBeNull()
    expect(budgetProblem(2_000, 0, -300)).toContain('0 of 2000 ms are left')
  })
})
