import { EmbeddedPostgres } from '@banyan/postgres'
import { transportConformance } from '../conformance/index.ts'

transportConformance('PostgreSQL', async () => {
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
})
