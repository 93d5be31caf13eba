import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

export interface ProcessOptions {
  /** A TypeScript file. */
  readonly file: string
  readonly args?: readonly string[]
  /** Over the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Ready when it prints `{"event":"listening","port":N}` (default), or at once. */
  readonly ready?: 'listening' | 'spawned'
  /** How long it may take to be ready, ms; 30,000 by default. */
  readonly readyMs?: number
  /** Called for each line of JSON with an `event` that it prints. */
  onEvent?(event: ProcessEvent): void
}

export interface ProcessEvent {
  readonly event: string
  readonly [member: string]: unknown
}

/** Who must know which processes exist, so that none outlives us. */
export interface Registry {
  started(pid: number): void
  ended(pid: number): void
}

/**
 * Room for what V8 has not collected yet, MiB. For new objects 64, of which Node gives 16: under load most outlive so few
 * requests, and are copied. For all others 256 before it looks through them: it would every few seconds, and ten times as often
 * while files come in, for which threads of it take a tenth of the processors.
 */
const HEAP = ['--max-semi-space-size=64', '--initial-old-space-size=256']
/** By its place: a name is looked for from the process's own folder. */
const TSX = import.meta.resolve('tsx')
const KEPT_LINES = 100

/** A node process of its own that can be killed, paused and started again on the same port. */
export class ManagedProcess {
  readonly name: string
  readonly logFile: string
  readonly #options: ProcessOptions
  readonly #registry: Registry
  readonly #log: WriteStream
  readonly #lines: string[] = []
  #child: ChildProcess | null = null
  #exited: Promise<void> = Promise.resolve()
  #port: number | null = null
  #starts = 0
  #paused = false

  constructor(name: string, folder: string, options: ProcessOptions, registry: Registry) {
    this.name = name
    this.logFile = join(folder, `${name}.log`)
    this.#options = options
    this.#registry = registry
    this.#log = createWriteStream(this.logFile, { flags: 'a' })
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Runs, and is not paused. */
  get answering(): boolean {
    return this.running && !this.#paused
  }

  /** The port it listens on. @throws when it never said one. */
  get port(): number {
    if (this.#port === null) throw new Error(`${this.name} has not said which port it listens on`)
    return this.#port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** The last lines it printed, oldest first. */
  lastLines(count = 20): string[] {
    return this.#lines.slice(-count)
  }

  /** @throws with its last lines when it ends, or is not ready in time. */
  async start(): Promise<void> {
    if (this.running) return
    const { file, args = [], env = {}, cwd, ready = 'listening', readyMs = 30_000 } = this.#options
    this.#note(`start ${++this.#starts}`)
    const child = spawn(process.execPath, [...HEAP, '--import', TSX, file, ...args], {
      // A group of its own: Ctrl-C in the terminal must reach us alone, who stop it in order.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env, ...(this.#port === null ? {} : { PORT: String(this.#port) }) },
      ...(cwd === undefined ? {} : { cwd }),
    })
    this.#child = child
    this.#paused = false
    if (child.pid) this.#registry.started(child.pid)
    this.#exited = new Promise((resolve) => {
      child.once('error', () => resolve())
      child.once('exit', (code, signal) => {
        this.#note(`ended with ${signal ?? `code ${code}`}`)
        if (child.pid) this.#registry.ended(child.pid)
        resolve()
      })
    })
    const listening = new Promise<void>((resolve) => {
      this.#read(child.stdout, (event) => {
        if (event.event === 'listening') {
          if (typeof event.port === 'number') this.#port = event.port
          resolve()
        }
        this.#options.onEvent?.(event)
      })
      this.#read(child.stderr)
    })
    if (ready === 'spawned') return
    const late = new AbortController()
    const how = await Promise.race([
      listening.then(() => 'ready' as const),
      this.#exited.then(() => 'ended' as const),
      delay(readyMs, 'late' as const, { signal: late.signal }).catch(() => 'late' as const),
    ])
    late.abort()
    if (how === 'ready') return
    if (how === 'late') await this.kill()
    throw new Error(
      `${this.name} ${how === 'late' ? `was not ready within ${readyMs} ms` : 'ended before it was ready'}; ` +
        `its last lines (all in ${this.logFile}):\n${this.lastLines(15).join('\n')}`,
    )
  }

  /** SIGKILL, as a crash; waits until it is gone. */
  async kill(): Promise<void> {
    this.#signal('SIGKILL')
    await this.#exited
  }

  /** SIGSTOP: it stands still and holds what it holds. */
  pause(): void {
    this.#paused = true
    this.#signal('SIGSTOP')
  }

  /** SIGCONT. */
  resume(): void {
    this.#paused = false
    this.#signal('SIGCONT')
  }

  /** SIGTERM, and SIGKILL when it has not ended after `graceMs`. */
  async stop(graceMs = 10_000): Promise<void> {
    if (!this.running) return
    this.#signal('SIGTERM')
    // A paused process takes no SIGTERM until it goes on.
    this.#signal('SIGCONT')
    const late = new AbortController()
    const timer = delay(graceMs, undefined, { signal: late.signal }).then(
      () => this.#signal('SIGKILL'),
      () => {},
    )
    await this.#exited
    late.abort()
    await timer
  }

  /** Starts it again after an end, on the port it had. */
  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** Waits until it has ended by itself; answers the exit code, null after a signal. */
  async ended(): Promise<number | null> {
    await this.#exited
    return this.#child?.exitCode ?? null
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid
    if (pid === undefined || !this.running) return
    this.#note(signal)
    try {
      process.kill(-pid, signal)
    } catch {
      // It ended between the look and the signal.
    }
  }

  #read(stream: Readable | null, onEvent?: (event: ProcessEvent) => void): void {
    if (!stream) return
    createInterface({ input: stream }).on('line', (line) => {
      this.#keep(line)
      if (!onEvent || !line.startsWith('{')) return
      try {
        const value = JSON.parse(line) as ProcessEvent
        if (typeof value.event === 'string') onEvent(value)
      } catch {
        // A line that looks like JSON and is none is a log line.
      }
    })
  }

  #note(what: string): void {
    this.#keep(`--- ${new Date().toISOString()} ${what}`)
  }

  #keep(line: string): void {
    this.#log.write(`${line}\n`)
    this.#lines.push(line)
    if (this.#lines.length > KEPT_LINES) this.#lines.shift()
  }
}
