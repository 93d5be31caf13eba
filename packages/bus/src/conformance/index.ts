import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { deliveryCases } from './delivery-cases.ts'
import { failureCases } from './failure-cases.ts'
import { groupCases } from './group-cases.ts'
import { Opened, type TransportHarness } from './harness.ts'

/** What a case works with: the server, and transports on it that are closed after the case. */
export interface Bench {
  readonly harness: TransportHarness
  readonly opened: Opened
}

/**
 * The one suite that every transport passes against its real server.
 *
 * @param makeHarness starts (or finds) the server; called once.
 */
export function transportConformance(
  name: string,
  makeHarness: () => Promise<TransportHarness>,
): void {
  describe(`the ${name} transport`, () => {
    let bench: Bench
    beforeAll(async () => {
      const harness = await makeHarness()
      bench = { harness, opened: new Opened(harness) }
    })
    afterEach(() => bench.opened.close())
    afterAll(() => bench?.harness.stop())

    const given = () => bench
    deliveryCases(given)
    groupCases(given)
    failureCases(given)
  })
}
