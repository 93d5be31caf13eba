import { EmbeddedPostgres } from '@banyan/postgres'
import { busConformance } from '../conformance/bus.ts'
import type { TransportHarness } from '../conformance/harness.ts'
import { transportConformance } from '../conformance/index.ts'

transportConformance('PostgreSQL', harness)
busConformance('PostgreSQL', harness)

async function harness(): Promise<TransportHarness> {
  const server = await EmbeddedPostgres.start()
  return {
    module: new URL('../testing/open-postgres.ts', import.meta.url).href,
    settings: server.url(),
    largestBody: 1024 * 1024,
    restartBroker: async () => {
      await server.kill()
      await server.start()
    },
    stop: () => server.stop(),
  }
}
