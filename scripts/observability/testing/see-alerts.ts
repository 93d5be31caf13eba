import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Fault } from './fault.ts'
import { Prometheus, type Target } from './prometheus.ts'

/** Real processes that a Prometheus can watch. */
export interface Watched {
  /** Where files may be put; deleted by `stop`. */
  readonly folder: string
  readonly targets: readonly Target[]
  stop(): Promise<void>
}

/** For what starts processes, ms; a machine that others keep busy takes minutes. */
export const STARTING_MS = 600_000

/**
 * Tests that each fault sets its alerts off in a real Prometheus, and that they clear when it is mended. What stands
 * in one round goes wrong at once, and is waited for together; a round is mended before the next begins.
 */
export function seeAlerts<System extends Watched>(
  start: () => Promise<System>,
  rounds: readonly (readonly Fault<System>[])[],
): void {
  let system: System
  let prometheus: Prometheus
  beforeAll(async () => {
    system = await start()
    prometheus = await Prometheus.start(system.folder, system.targets)
  }, STARTING_MS)
  afterAll(async () => {
    await prometheus?.stop()
    await system?.stop()
  }, STARTING_MS)

  const active = async ({ alert, labels }: Expected<System>) => {
    const wanted = Object.entries(typeof labels === 'function' ? labels(system) : labels)
    return (await prometheus.active(alert)).filter((one) =>
      wanted.every(([name, value]) => one.labels[name] === value),
    )
  }
  const untilFiring = async (expected: Expected<System>) =>
    prometheus.until(`${expected.alert} fires`, async () =>
      (await active(expected)).some(({ state }) => state === 'firing'),
    )
  const untilClear = async (expected: Expected<System>) =>
    prometheus.until(`${expected.alert} clears`, async () => (await active(expected)).length === 0)
  // What nobody scrapes has no alert either.
  const untilScraped = () =>
    prometheus.until('all is scraped', async () => {
      return (await prometheus.query('up == 1')).length === system.targets.length
    })

  it('while nothing is wrong, all is scraped and none of them is active', async () => {
    await untilScraped()
    for (const expected of alertsOf(rounds.flat())) await untilClear(expected)
  })

  for (const faults of rounds) {
    const alerts = alertsOf(faults)

    describe('what goes wrong', () => {
      beforeAll(async () => {
        await Promise.all(faults.map((fault) => fault.begin(system, prometheus)))
      }, STARTING_MS)

      for (const expected of alerts) {
        it(`${expected.fault} sets off ${expected.alert}`, () => untilFiring(expected))
      }
    })

    describe('what is mended', () => {
      beforeAll(async () => {
        await Promise.all(faults.map((fault) => fault.mend(system)))
        await untilScraped()
      }, STARTING_MS)

      for (const expected of alerts) {
        it(`${expected.fault} lets ${expected.alert} clear`, () => untilClear(expected))
      }
    })
  }
}

interface Expected<System> {
  readonly fault: string
  readonly alert: string
  readonly labels: Fault<System>['alerts'][string]
}

function alertsOf<System>(faults: readonly Fault<System>[]): readonly Expected<System>[] {
  return faults.flatMap(({ name: fault, alerts }) =>
    Object.entries(alerts).map(([alert, labels]) => ({ fault, alert, labels })),
  )
}
