import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { makeFolder, ServerProcess } from './process.ts'
import { HOST, type Server } from './server.ts'

/** How long a server may take until it answers, ms: the slowest takes 6 s on two idle cores. */
const READY_MS = 120_000

/**
 * Our ports lie where Linux takes local ports for connections from, so one may be held by a passing
 * connection when the server wants it. That is waited out, ms; a server that met one after all, and ended
 * at once, is started again.
 */
const PORTS_FREE_MS = 90_000
const STARTS = 3

/** Starts the server unless it runs, and waits until it answers. @throws with the end of its log. */
export async function start(server: Server): Promise<'started' | 'ran already'> {
  await makeFolder(server.name)
  const processes = processesOf(server)
  const main = processes.at(-1)!
  if ((await main.pid()) !== null) {
    await untilReady(server, main)
    return 'ran already'
  }
  await refuseStranger(server)
  const commands = await server.prepare()
  for (let attempt = 1; ; attempt++) {
    await untilFree(server, processes)
    for (const [i, one] of processes.entries()) {
      if ((await one.pid()) === null) await one.start(commands[i]!)
    }
    try {
      await untilReady(server, main)
      return 'started'
    } catch (error) {
      const ended = (await main.pid()) === null
      if (!ended || attempt === STARTS) throw error
    }
  }
}

/** Ends the server and what belongs to it. `hard`: SIGKILL to the server, as a machine that fails. */
export async function stop(server: Server, hard = false): Promise<'stopped' | 'did not run'> {
  const processes = processesOf(server)
  const ended = await processes.at(-1)!.stop(hard)
  if (!hard) for (const one of processes.slice(0, -1).reverse()) await one.stop()
  return ended ? 'stopped' : 'did not run'
}

export async function status(server: Server): Promise<string> {
  const pid = await processesOf(server).at(-1)!.pid()
  if (pid === null) return 'not running'
  return server.ready().then(
    () => `running, pid ${pid}`,
    (error: Error) => `pid ${pid} does not answer: ${error.message}`,
  )
}

function processesOf(server: Server): ServerProcess[] {
  return server.roles.map((role) => new ServerProcess(server.name, role))
}

/** Waits until every port can be listened on that is not a running helper's. @throws an Error that names it. */
async function untilFree(server: Server, processes: readonly ServerProcess[]): Promise<void> {
  const helpers = await Promise.all(processes.slice(0, -1).map((one) => one.pid()))
  const names = Object.keys(server.ports).filter((name) => {
    const role = server.roles.indexOf(name)
    return role === -1 || helpers[role] === null || helpers[role] === undefined
  })
  const deadline = Date.now() + PORTS_FREE_MS
  for (const name of names) {
    const port = server.ports[name]!
    for (let problem = await listening(port); problem; problem = await listening(port)) {
      if (Date.now() > deadline) {
        throw new Error(
          `${server.name} cannot listen on ${HOST}:${port} (${name}): ${problem}; a program or a connection that lasts holds it: end it, or set BANYAN_SERVERS_OFFSET (5000 when left out)`,
        )
      }
      await delay(250)
    }
  }
}

/** What is in the way of listening there; null when nothing is. */
async function listening(port: number): Promise<string | null> {
  const probe = createServer()
  try {
    probe.listen(port, HOST)
    await once(probe, 'listening')
    return null
  } catch (error) {
    return (error as Error).message
  } finally {
    if (probe.listening) {
      probe.close()
      await once(probe, 'close')
    }
  }
}

async function untilReady(server: Server, main: ServerProcess): Promise<void> {
  const deadline = Date.now() + READY_MS
  for (;;) {
    try {
      return await server.ready()
    } catch (error) {
      if ((await main.pid()) === null) {
        throw new Error(`${server.name} ended before it answered; ${await main.tail()}`)
      }
      if (Date.now() > deadline) {
        throw new Error(
          `${server.name} does not answer after ${READY_MS / 1000} s (${(error as Error).message}); ${await main.tail()}`,
        )
      }
    }
    await delay(100)
  }
}

/** Another server on the port would answer in its place. */
async function refuseStranger(server: Server): Promise<void> {
  const answers = await server.ready().then(
    () => true,
    () => false,
  )
  if (!answers) return
  throw new Error(
    `something else answers at ${server.url}: stop it, or set BANYAN_SERVERS_OFFSET (5000 when left out) to listen elsewhere`,
  )
}
