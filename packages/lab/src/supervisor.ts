import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type EmbeddedOptions, EmbeddedPostgres } from '@banyan/postgres'
import { ManagedProcess, type ProcessOptions } from './managed-process.ts'

export interface SupervisorOptions {
  /** Begins the name of the run's folder, below the system's temporary one. */
  readonly name: string
  /** Keep the run's folder (logs, histories) after `stopAll`; false by default. */
  readonly keepFolder?: boolean
  /** Stop everything and exit at SIGINT, SIGTERM and errors nobody caught; true by default. */
  readonly handleSignals?: boolean
}

/**
 * Starts processes and PostgreSQL servers and sees to it that none outlives this process: they are
 * stopped in order by `stopAll`, which signals and uncaught errors call; if this process is killed
 * outright, a small process of its own ends them.
 */
export class Supervisor {
  readonly folder: string
  readonly #reaper: ChildProcess
  #folderKept: boolean
  readonly #processes: ManagedProcess[] = []
  readonly #servers: EmbeddedPostgres[] = []
  readonly #entrusted = new Set<number>()
  readonly #handlers: (readonly [string, (error: unknown) => void])[] = []
  #stopping: Promise<void> | null = null

  private constructor(folder: string, options: SupervisorOptions) {
    this.folder = folder
    this.#folderKept = options.keepFolder ?? false
    this.#reaper = spawn(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(new URL('reaper.ts', import.meta.url))],
      { detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
    )
    this.#reaper.stdin?.on('error', () => {})
    this.#reaper.unref()
    if (!this.#folderKept) this.#tell('add', 'folder', folder)
    if (options.handleSignals ?? true) this.#handleSignals()
  }

  static async create(options: SupervisorOptions): Promise<Supervisor> {
    return new Supervisor(await mkdtemp(join(tmpdir(), `${options.name}-`)), options)
  }

  get processes(): readonly ManagedProcess[] {
    return this.#processes
  }

  /** From now on the run's folder stays after the end: logs and histories of what went wrong. */
  keepFolder(): void {
    this.#folderKept = true
    this.#tell('remove', 'folder', this.folder)
  }

  /** Starts a node process and waits until it is ready. @throws with its last lines when it is not. */
  async process(name: string, options: ProcessOptions): Promise<ManagedProcess> {
    this.#refuseWhenStopping()
    const managed = new ManagedProcess(name, this.folder, options, {
      started: (pid) => this.#tell('add', 'pid', String(pid)),
      ended: (pid) => this.#tell('remove', 'pid', String(pid)),
    })
    this.#processes.push(managed)
    await managed.start()
    return managed
  }

  /** A process that one of ours has started, in a group of its own, and that may outlive it: it ends with us. */
  entrust(pid: number): void {
    this.#entrusted.add(pid)
    this.#tell('add', 'pid', String(pid))
  }

  /** It has ended: its number may be another's soon. */
  release(pid: number): void {
    this.#entrusted.delete(pid)
    this.#tell('remove', 'pid', String(pid))
  }

  /** Starts a PostgreSQL server of its own, on a folder that is deleted with it. */
  async postgres(options: Omit<EmbeddedOptions, 'dataDir'> = {}): Promise<EmbeddedPostgres> {
    this.#refuseWhenStopping()
    // Not inside the run's folder: the server runs as another user when we are root.
    const dataDir = await mkdtemp(join(tmpdir(), 'banyan-pg-'))
    this.#tell('add', 'postgres', dataDir)
    const server = await EmbeddedPostgres.start({ ...options, dataDir })
    this.#servers.push(server)
    if (this.#stopping) await this.#stopServer(server)
    return server
  }

  /** Stops all processes, newest first, then the servers; deletes what they left. May be called twice. */
  stopAll(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    // One after the other: what was started first (an upstream, a database) is what later ones lean on.
    for (const managed of [...this.#processes].reverse()) await managed.stop(5_000)
    for (const pid of this.#entrusted) endGroup(pid)
    await Promise.all(this.#servers.map((server) => this.#stopServer(server)))
    if (!this.#folderKept) await rm(this.folder, { recursive: true, force: true })
    for (const [event, handler] of this.#handlers) process.off(event, handler)
    const gone = new Promise((resolve) => this.#reaper.once('exit', resolve))
    this.#reaper.ref()
    this.#reaper.stdin?.end()
    if (this.#reaper.exitCode === null && this.#reaper.signalCode === null) await gone
  }

  async #stopServer(server: EmbeddedPostgres): Promise<void> {
    await server.stop()
    await rm(server.dataDir, { recursive: true, force: true })
    this.#tell('remove', 'postgres', server.dataDir)
  }

  #handleSignals(): void {
    const end = (code: number) => {
      // Asked a second time: go at once, and leave the rest to the reaper.
      if (this.#stopping) process.exit(code)
      void this.stopAll().finally(() => process.exit(code))
    }
    const failed = (error: unknown) => {
      console.error(error)
      end(1)
    }
    this.#on('SIGINT', () => end(130))
    this.#on('SIGTERM', () => end(143))
    this.#on('SIGHUP', () => end(129))
    this.#on('uncaughtException', failed)
    this.#on('unhandledRejection', failed)
  }

  #on(event: string, handler: (error: unknown) => void): void {
    this.#handlers.push([event, handler])
    process.on(event, handler)
  }

  #tell(verb: 'add' | 'remove', kind: 'pid' | 'postgres' | 'folder', value: string): void {
    if (this.#reaper.stdin?.writable)
      this.#reaper.stdin.write(`${JSON.stringify([verb, kind, value])}\n`)
  }

  #refuseWhenStopping(): void {
    if (this.#stopping) throw new Error('everything is being stopped; nothing new is started')
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Who started it has ended it.
  }
}
