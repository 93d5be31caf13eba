import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export { eventually } from '@banyan/service/testing'

const LEGO = fileURLToPath(new URL('..', import.meta.url))

/** What these processes execute is counted where somebody measures it (`npm run test:coverage`). */
const { BANYAN_COVERAGE: folder } = process.env
const COVERAGE = folder ? { NODE_V8_COVERAGE: folder } : {}

/** A process of this system, started the way a person would start it. */
export interface Running {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** What it has written to stderr so far. */
  log(): string
  /** Sends a signal and waits for the end; answers the exit code, or null when a signal ended it. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

/**
 * Starts `node --import tsx ENTRY` and waits for its listening line.
 *
 * @param entry path below systems/lego, e.g. `auth/main.ts`
 * @throws Error with its stderr when it ends before it listens
 */
export async function startProcess(entry: string, env: Record<string, string>): Promise<Running> {
  const child = spawn(process.execPath, ['--import', 'tsx', entry], {
    cwd: LEGO,
    env: { PATH: process.env.PATH ?? '', PORT: '0', LOG_LEVEL: 'warn', ...COVERAGE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-65_536)
  })
  const port = await listeningPort(child, () => log)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid!,
    log: () => log,
    end: (signal = 'SIGTERM') => end(child, signal),
  }
}

function listeningPort(child: ChildProcess, log: () => string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(`ended with code ${code}:\n${log()}`)))
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!line.startsWith('{"event":"listening"')) return
      resolve((JSON.parse(line) as { port: number }).port)
    })
  })
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code))
    child.kill(signal)
  })
}
