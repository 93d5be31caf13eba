import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { handlingCases } from './bus-handling-cases.ts'
import { publishingCases } from './bus-publishing-cases.ts'
import { Opened, type TransportHarness } from './harness.ts'
import { Service } from './service.ts'

/** What a case of the bus works with. */
export interface BusBench {
  readonly harness: TransportHarness
  readonly opened: Opened
  /** A service on a database of its own; closed after the case. Not started. */
  readonly service: (name: string, options: Parameters<typeof Service.open>[3]) => Promise<Service>
}

/** What the bus promises, over a transport that has passed `transportConformance`. */
export function busConformance(name: string, makeHarness: () => Promise<TransportHarness>): void {
  describe(`the bus over ${name}`, () => {
    let bench: BusBench
    let server: EmbeddedPostgres
    const services: Service[] = []
    let serial = 0

    beforeAll(async () => {
      const harness = await makeHarness()
      server = await EmbeddedPostgres.start()
      const opened = new Opened(harness)
      bench = {
        harness,
        opened,
        service: async (role, options) => {
          const service = await Service.open(server, opened, `${role}_${serial++}`, options)
          services.push(service)
          return service
        },
      }
    })
    afterEach(async () => {
      await Promise.all(services.splice(0).map((service) => service.close()))
      await bench?.opened.close()
    })
    afterAll(async () => {
      await server?.stop()
      await bench?.harness.stop()
    })

    const given = () => bench
    publishingCases(given)
    handlingCases(given)
  })
}
