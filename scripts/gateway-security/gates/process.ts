import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findProgram } from '../../servers/debian.ts'
import type { Gate } from '../gate.ts'

/** How long a proxy may take to listen, ms. */
const START_MS = 10_000

/**
 * Starts a proxy with a configuration of ours in a folder of its own, which goes with it.
 *
 * @param configure answers the configuration, given the folder and the two ports to listen on.
 * @throws an Error with what the proxy said when it does not listen.
 */
export async function startProcess(
  program: string,
  args: (file: string, folder: string) => readonly string[],
  configure: (folder: string, port: number, impatientPort: number) => string,
): Promise<Gate> {
  const [port, impatientPort] = [await freePort(), await freePort()]
  const folder = await mkdtemp(join(tmpdir(), 'gateway-security-'))
  const file = join(folder, 'configuration')
  await writeFile(file, configure(folder, port, impatientPort))
  const path = (await findProgram(program))!
  const child = spawn(path, args(file, folder), { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = (said + chunk).slice(-4_000)
    })
  }
  const close = async () => {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  const deadline = Date.now() + START_MS
  while (!((await listens(port)) && (await listens(impatientPort)))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await close()
      throw new Error(`${program} does not listen: ${said.trim() || 'it said nothing'}`)
    }
    await delay(20)
  }
  return { port, impatientPort, pid: child.pid!, close }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 2_000)
  await gone
  clearTimeout(late)
}
