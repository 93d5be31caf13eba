/**
 * Real servers on this machine, for tests and developers, each on its usual port + 5,000:
 * `npm run servers -- install | start | stop | restart | kill | status [names…]`
 */
import { serversNamed } from './all.ts'
import { start, status, stop } from './control.ts'
import type { Server } from './server.ts'

const ACTIONS: Record<string, (server: Server) => Promise<string>> = {
  install: async (server) => {
    await server.install()
    return 'installed'
  },
  start: async (server) => {
    await server.install()
    return `${await start(server)}: ${server.variable}=${server.url}`
  },
  stop: (server) => stop(server),
  restart: async (server) => {
    await stop(server)
    return `${await start(server)}: ${server.variable}=${server.url}`
  },
  /** SIGKILL, as the machine under it failing; `start` brings it back with the data it had. */
  kill: (server) => stop(server, true),
  status: async (server) => `${await status(server)}: ${server.url}`,
}

const [name = 'status', ...names] = process.argv.slice(2)
try {
  const action = ACTIONS[name]
  if (!action) {
    throw new Error(`there is no "${name}"; there are ${Object.keys(ACTIONS).join(', ')}`)
  }
  for (const server of serversNamed(names)) {
    console.log(`${server.name.padEnd(10)} ${await action(server)}`)
  }
} catch (error) {
  console.error((error as Error).message)
  process.exit(1)
}
