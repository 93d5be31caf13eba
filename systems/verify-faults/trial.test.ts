import { expect, it } from 'vitest'
import { runTrial, sum } from './trial.ts'

it('finds every fault injected under load and handovers, with its kind and columns, and nothing else', async () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`verify faults: SEED=${seed}`)
  const result = await runTrial({
    seed,
    minutes: 0.05,
    share: 1,
    faults: 100,
    writesPerSecond: 200,
    print: () => {},
  })
  const { findings } = result
  expect(findings.examples).toEqual([])
  expect(sum(findings.injected)).toBeGreaterThanOrEqual(100)
  expect(findings.found).toEqual(findings.injected)
  for (const count of Object.values(findings.injected)) expect(count).toBeGreaterThan(0)
  expect(findings).toMatchObject({ falseAlarms: 0, missed: 0 })
  expect(findings.hot.found + findings.hot.healed).toBe(findings.hot.injected)
  expect(result.handovers).toBeGreaterThan(0)
  expect(result.acknowledged).toBeGreaterThan(0)
  expect(result.differAtEnd).toBe(0)
}, 180_000)
