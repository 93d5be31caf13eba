import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Supervisor } from './supervisor.ts'

const CHILD = fileURLToPath(new URL('testing/child.ts', import.meta.url))
const ORCHESTRATOR = fileURLToPath(new URL('testing/orchestrator.ts', import.meta.url))

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`still not: ${what}`)
    await delay(20)
  }
}

/** Whether a process runs; one that is dead and not yet buried does not. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return (
      !existsSync('/proc') || !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    )
  } catch {
    return false
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  }).then((answer) => answer as boolean)
}

async function ask(url: string): Promise<{ pid: number; asked: number }> {
  return (await (await fetch(url)).json()) as { pid: number; asked: number }
}

describe('Supervisor', () => {
  let supervisor: Supervisor
  beforeEach(async () => {
    supervisor = await Supervisor.create({ name: 'banyan-lab-test', handleSignals: false })
  })
  afterEach(() => supervisor.stopAll())

  it('starts a process, kills it, and starts it again on the same port', async () => {
    const child = await supervisor.process('child', { file: CHILD })
    const { port, pid } = child
    expect(await ask(child.url)).toEqual({ pid, asked: 1 })
    await child.kill()
    expect(child.running).toBe(false)
    expect(await listens(port)).toBe(false)
    await child.start()
    expect(child.port).toBe(port)
    expect(await ask(child.url)).toEqual({ pid: child.pid, asked: 1 })
    expect(child.pid).not.toBe(pid)
  })

  it('pauses a process, which then answers nothing, and lets it go on', async () => {
    const child = await supervisor.process('child', { file: CHILD })
    child.pause()
    const answer = ask(child.url)
    const first = await Promise.race([answer, delay(200, 'silence')])
    expect(first).toBe('silence')
    child.resume()
    expect(await answer).toMatchObject({ asked: 1 })
  })

  it('stops a paused process too', async () => {
    const child = await supervisor.process('child', { file: CHILD })
    child.pause()
    await child.stop()
    expect(child.running).toBe(false)
  })

  it('says the last lines of a process that ends before it listens', async () => {
    const started = supervisor.process('child', { file: CHILD, env: { FAIL: 'no such table' } })
    await expect(started).rejects.toThrow(/child ended before it was ready.*no such table/s)
  })

  it('leaves the folder of a run that went wrong, when it is told to', async () => {
    supervisor.keepFolder()
    await supervisor.stopAll()
    expect(existsSync(supervisor.folder)).toBe(true)
    await rm(supervisor.folder, { recursive: true })
  })

  it('keeps what processes print in a file each', async () => {
    const child = await supervisor.process('child', { file: CHILD })
    expect(child.lastLines()).toContain('not JSON')
    await until('the log is written', () => /not JSON/.test(readFileSync(child.logFile, 'utf8')))
  })
})

describe('what is left when the process that started everything ends', () => {
  interface Started {
    readonly folder: string
    readonly dataDir: string
    readonly pids: number[]
    readonly ports: number[]
  }
  let orchestrator: ChildProcess

  async function orchestrate(how: string): Promise<Started> {
    orchestrator = spawn(process.execPath, ['--import', 'tsx', ORCHESTRATOR, how], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const lines = createInterface({ input: orchestrator.stdout! })
    for await (const line of lines) return JSON.parse(line) as Started
    throw new Error('it ended before it said what it started')
  }

  async function expectNothing(started: Started): Promise<void> {
    await until('every process has ended', () => !started.pids.some(alive))
    await until('the folders are gone', () => ![started.folder, started.dataDir].some(existsSync))
    expect(await Promise.all(started.ports.map(listens))).toEqual([false, false])
  }

  afterEach(() => {
    orchestrator.kill('SIGKILL')
  })

  it.each(['finish', 'throw', 'reject'])('is nothing after it ends by: %s', async (how) => {
    await expectNothing(await orchestrate(how))
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('is nothing after %s', async (signal) => {
    const started = await orchestrate('stay')
    orchestrator.kill(signal)
    await expectNothing(started)
  })
})
