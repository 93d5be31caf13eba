import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { openSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BanyanError } from '@banyan/contracts'
import type { RuntimeApi } from './runtime.ts'

/** Until a HAProxy that was started answers, ms. */
const START_MS = 10_000
const LOOK_MS = 20

export interface ProcessSettings {
  readonly folder: string
  /** The program; found in the PATH. */
  readonly command: string
  readonly environment: Readonly<Record<string, string>>
}

/**
 * The HAProxy that serves from a folder. It is a process of its own, not a part of the driver's: one that outlives
 * its driver goes on with the routes that are not moved, and the next driver takes it over.
 */
export class HaproxyProcess {
  readonly #settings: ProcessSettings
  readonly #api: RuntimeApi
  #pid: number | null = null

  constructor(settings: ProcessSettings, api: RuntimeApi) {
    this.#settings = settings
    this.#api = api
  }

  get pid(): number | null {
    return this.#pid
  }

  /** Whether the process is there, whatever it does. */
  async isAlive(): Promise<boolean> {
    return this.#pid !== null && (await isOurs(this.#pid, this.#file('haproxy.cfg')))
  }

  /**
   * Takes over the HAProxy that runs from this folder, if it runs with these very files.
   *
   * @returns false when there is none; one that runs with others, or does not answer, has been ended.
   */
  async attach(files: Readonly<Record<string, string>>): Promise<boolean> {
    const pid = Number(await readFile(this.#file('haproxy.pid'), 'utf8').catch(() => '0'))
    if (!pid || !(await isOurs(pid, this.#file('haproxy.cfg')))) return false
    this.#pid = pid
    const running = await this.#api.ask('show env BANYAN_CONFIGURATION').catch(() => '')
    if (running === `BANYAN_CONFIGURATION=${this.#fingerprint(files)}`) return true
    await this.end()
    return false
  }

  /** @throws BanyanError DATA_PLANE_AWAY with HAProxy's own words when it does not begin to answer. */
  async start(files: Readonly<Record<string, string>>): Promise<void> {
    const { folder, command, environment } = this.#settings
    await prepare(folder)
    for (const [name, text] of Object.entries(files)) {
      await writeFile(this.#file(`${name}.new`), text, { mode: 0o600 })
      await rename(this.#file(`${name}.new`), this.#file(name))
    }
    const log = openSync(this.#file('haproxy.log'), 'a', 0o600)
    const child = spawn(command, ['-db', '-f', this.#file('haproxy.cfg')], {
      // A group of its own: what ends the driver must not end it.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...environment, BANYAN_CONFIGURATION: this.#fingerprint(files) },
    })
    let failure: string | null = null
    child.once('error', (error) => {
      failure = error.message
    })
    child.once('exit', (code, signal) => {
      failure = `it ended with ${signal ?? `code ${code}`}`
    })
    child.unref()
    if (child.pid !== undefined) {
      this.#pid = child.pid
      await writeFile(this.#file('haproxy.pid'), String(child.pid), { mode: 0o600 })
    }
    const deadline = Date.now() + START_MS
    for (;;) {
      if (await this.#answers()) return
      if (failure !== null || Date.now() > deadline) break
      await delay(LOOK_MS)
    }
    const reason = failure ?? `it did not answer within ${START_MS} ms`
    throw new BanyanError('DATA_PLANE_AWAY', {
      dataPlane: 'HAProxy',
      reason: `${reason}; ${await this.#lastWords()}`,
    })
  }

  /** Lets it finish what it has, for `graceMs` at most. */
  async end(graceMs = 0): Promise<void> {
    const pid = this.#pid
    if (pid === null) return
    if (graceMs > 0) signal(pid, 'SIGUSR1')
    else signal(pid, 'SIGKILL')
    const deadline = Date.now() + graceMs
    while (await this.isAlive()) {
      if (Date.now() > deadline) signal(pid, 'SIGKILL')
      await delay(LOOK_MS)
    }
    this.#pid = null
    await rm(this.#file('haproxy.pid'), { force: true })
  }

  /** By its own word: a socket that another one left behind would answer nothing. */
  async #answers(): Promise<boolean> {
    const told = await this.#api.ask('show info').catch(() => '')
    return told.includes(`\nPid: ${this.#pid}\n`)
  }

  async #lastWords(): Promise<string> {
    const log = await readFile(this.#file('haproxy.log'), 'utf8').catch(() => '')
    return log.trim().split('\n').slice(-3).join(' | ') || 'it said nothing'
  }

  /** Of all that cannot change while it runs: the maps do, and may be anything. */
  #fingerprint(files: Readonly<Record<string, string>>): string {
    const fixed = Object.entries(files).filter(([name]) => !name.endsWith('.map'))
    return createHash('sha256')
      .update(JSON.stringify([fixed, this.#settings.environment]))
      .digest('hex')
  }

  #file(name: string): string {
    return join(this.#settings.folder, name)
  }
}

/** @throws BanyanError when others could read or change what stands there. */
async function prepare(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { uid, mode } = await stat(folder)
  if (uid === process.getuid?.() && (mode & 0o077) === 0) return
  throw new BanyanError('BAD_COMMAND', {
    reason: `the folder ${folder} must belong to whoever runs this, and be closed to others (chmod 700)`,
  })
}

async function isOurs(pid: number, configuration: string): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return line.split('\0').includes(configuration)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone.
  }
}
