import { generate } from '../../generate.ts'
import { startSystem } from '../../testing/monolith.ts'
import { startProcess } from '../../testing/processes.ts'

/** The page with nothing but the monolith behind it, and what others have put there. */
export async function startOnMonolith() {
  const system = await startSystem()
  await generate({ monolithUrl: system.monolithDatabase, users: 60, items: 60, seed: 7 })
  const web = await startProcess('web/main.ts', {
    GATEWAY_URL: system.monolith.url,
    AUTH_URL: system.auth.url,
  })
  return {
    url: web.url,
    stop: async () => {
      await web.end()
      await system.stop()
    },
  }
}
