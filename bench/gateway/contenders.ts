import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { fileURLToPath } from 'node:url'
import { findProgram } from '../../scripts/servers/debian.ts'

/** What runs in a process of its own. `hung` takes connections and answers nothing. */
export type Role =
  | 'upstream'
  | 'hung'
  | 'bare'
  | 'full'
  | 'cached'
  | 'logged'
  | 'shadowing'
  | 'unshadowed'
  | 'fastifyHttpProxy'
  | 'httpProxyMiddleware'

export interface Contender {
  readonly port: number
  /** Header lines that its requests have to have. */
  readonly headers: readonly string[]
  /** CPU time it has used so far, µs. */
  cpuMicros(): Promise<number>
  stop(): void
}

/** What a child says once it listens. */
export interface Ready {
  readonly port: number
  readonly headers: readonly string[]
}

/** Proxies have the first core for themselves, where there are two; the load and the upstream share the second. */
export const PROXY_CORE = 0
export const OTHER_CORE = 1

const CHILD = fileURLToPath(new URL('contender-child.ts', import.meta.url))

/**
 * Starts one in a process of its own, bound to a core where that can be done.
 *
 * @param output where its standard output goes.
 */
export async function startContender(
  role: Role,
  upstreams: { readonly upstream?: number; readonly hung?: number } = {},
  output = devNull,
): Promise<Contender> {
  const lines = openSync(output, 'a')
  const child = fork(CHILD, [role, JSON.stringify(upstreams)], {
    stdio: ['ignore', lines, 'inherit', 'ipc'],
  })
  closeSync(lines)
  const ready = (await next(child)) as Ready
  await bind(child.pid!, role === 'upstream' || role === 'hung' ? OTHER_CORE : PROXY_CORE)
  return {
    ...ready,
    async cpuMicros() {
      child.send('cpu')
      return (await next(child)) as number
    },
    stop: () => void child.kill(),
  }
}

/** Binds a process with all its threads to one core; without `taskset`, or with one core, it stays free. */
export async function bind(pid: number, core: number): Promise<void> {
  const { availableParallelism } = await import('node:os')
  if (availableParallelism() < 2 || !(await findProgram('taskset'))) return
  const { execFile } = await import('node:child_process')
  await new Promise<void>((resolve) => {
    execFile('taskset', ['-a', '-c', '-p', String(core), String(pid)], () => resolve())
  })
}

function next(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`it ended with code ${code}`))
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message)
    })
  })
}
