import { execFile, spawn } from 'node:child_process'
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Command, folderOf } from './server.ts'

const run = promisify(execFile)

/**
 * Variable that each process is started with and keeps, whatever it becomes: by it a pid from a file is
 * known to be that server still, for pids are used again.
 */
const MARK = 'BANYAN_SERVER'

/** How long a server may take to end of itself before it is made to, ms. */
const GRACE_MS = 20_000

/** A process of a server that outlives the command which started it; known by its pid file. */
export class ServerProcess {
  readonly #server: string
  readonly #mark: string
  readonly #pidFile: string
  readonly #logFile: string

  constructor(server: string, role: string) {
    this.#server = server
    this.#mark = folderOf(server, role)
    this.#pidFile = folderOf(server, `${role}.pid`)
    this.#logFile = folderOf(server, `${role}.log`)
  }

  /** The pid, when that process lives and is this server; else null. */
  async pid(): Promise<number | null> {
    const text = await readFile(this.#pidFile, 'utf8').catch(() => '')
    const pid = Number(text)
    if (!pid) return null
    return (await environmentOf(pid)).includes(`${MARK}=${this.#mark}`) ? pid : null
  }

  async start({ file, args, environment }: Command): Promise<void> {
    const log = await open(this.#logFile, 'a')
    const child = spawn(file, args, {
      cwd: folderOf(this.#server),
      // A group of its own: a Ctrl-C meant for a test does not end the server.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, ...environment, [MARK]: this.#mark },
    })
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.unref()
    await log.close()
    await writeFile(this.#pidFile, String(child.pid))
  }

  /** Ends the process and its children: asked first, or `hard`, by SIGKILL. Waits until it is gone. */
  async stop(hard = false): Promise<boolean> {
    const pid = await this.pid()
    if (pid === null) return false
    signal(pid, hard ? 'SIGKILL' : 'SIGTERM')
    const deadline = Date.now() + GRACE_MS
    while ((await this.pid()) !== null) {
      if (Date.now() > deadline) signal(pid, 'SIGKILL')
      await delay(50)
    }
    await rm(this.#pidFile, { force: true })
    return true
  }

  /** Last lines of what it printed, for an error. */
  async tail(): Promise<string> {
    const log = await readFile(this.#logFile, 'utf8').catch(() => '')
    return `${this.#logFile}:\n${log.trim().split('\n').slice(-15).join('\n')}`
  }
}

export async function makeFolder(server: string): Promise<void> {
  await mkdir(folderOf(server, 'data'), { recursive: true })
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Its variables as NAME=value; none when there is no such process, or it is dead and not yet reaped. */
async function environmentOf(pid: number): Promise<string[]> {
  if (process.platform === 'linux') {
    for (;;) {
      const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
      // A process that is just becoming another program has none for a moment.
      if (text !== '' || !(await lives(pid))) return text.split('\0')
      await delay(5)
    }
  }
  const { stdout } = await run('ps', ['eww', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return stdout.split(/\s+/)
}

/**
 * Whether one of its threads does: the first may be dead while another still holds the process's sockets, as
 * for a moment after SIGKILL. Z and X are dead; the state follows the name, which is in brackets and may hold
 * anything.
 */
async function lives(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const states = threads.map(async (thread) => {
    const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => ') X')
    return stat.slice(stat.lastIndexOf(')') + 2)
  })
  return (await Promise.all(states)).some((state) => !/^[ZX]/.test(state))
}
