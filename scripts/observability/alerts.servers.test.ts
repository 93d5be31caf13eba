import { afterAll, beforeAll, describe, it } from 'vitest'
import { FAULTS, type Fault } from './testing/faults.ts'
import { Prometheus } from './testing/prometheus.ts'
import { System } from './testing/system.ts'

let system: System
let prometheus: Prometheus
beforeAll(async () => {
  system = await System.start()
  prometheus = await Prometheus.start(system.supervisor.folder, system.targets)
}, 600_000)
afterAll(async () => {
  await prometheus?.stop()
  await system?.stop()
}, 120_000)

type Expected = readonly [alert: string, labels: Readonly<Record<string, string>>]
const alertsOf = (faults: readonly Fault[]): Expected[] =>
  faults.flatMap((fault) => Object.entries(fault.alerts))

const active = async ([alert, labels]: Expected) =>
  (await prometheus.active(alert)).filter((one) =>
    Object.entries(labels).every(([name, value]) => one.labels[name] === value),
  )
const untilFiring = (expected: Expected) =>
  prometheus.until(`${expected[0]} fires`, async () =>
    (await active(expected)).some(({ state }) => state === 'firing'),
  )
const untilClear = (expected: Expected) =>
  prometheus.until(`${expected[0]} clears`, async () => (await active(expected)).length === 0)

it('while nothing is wrong, all is scraped and none of them is active', async () => {
  await prometheus.until('all is scraped', async () => {
    const up = await prometheus.query('up == 1')
    return up.length === system.targets.length
  })
  for (const expected of alertsOf(FAULTS)) await untilClear(expected)
})

describe.each(FAULTS)('$name', (fault) => {
  it('sets its alerts off', async () => {
    await fault.begin(system)
    await Promise.all(alertsOf([fault]).map(untilFiring))
  })

  it('is mended, and they clear', async () => {
    await fault.mend(system)
    for (const expected of alertsOf([fault])) await untilClear(expected)
  })
})
