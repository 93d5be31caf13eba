import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A service in a process of its own, as it runs in earnest. */
export interface ServiceProcess {
  readonly url: string
  readonly pid: number
  /** What it wrote to stderr so far. */
  log(): string
  signal(name: NodeJS.Signals): void
  /** The exit code, once it has ended; null when a signal ended it. */
  readonly ended: Promise<number | null>
}

/**
 * @param detached whether in a session of its own, as a supervisor starts it
 * @throws Error with its stderr when it ends before it listens
 */
export async function startProcess(
  file: URL,
  env: Record<string, string>,
  detached = false,
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', file.pathname], {
    env: { PATH: process.env.PATH ?? '', PORT: '0', ...env },
    detached,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString()
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const port = await Promise.race([
    listening(child),
    ended.then((code) => Promise.reject(new Error(`ended with code ${code}:\n${log}`))),
  ])
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid!,
    log: () => log,
    signal: (name) => child.kill(name),
    ended,
  }
}

function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as { event: string; port: number }
      if (event.event === 'listening') resolve(event.port)
    })
  })
}
