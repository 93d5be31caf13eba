import { execFileSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { constants, getPriority } from 'node:os'
import { expect, it } from 'vitest'
import { startProcess } from './testing/processes.ts'
import { IDENTITY_KEY } from './testing/requests.ts'

const MODEST = new URL('./testing/modest.ts', import.meta.url)
const GREETER = new URL('./testing/greeter.ts', import.meta.url)

/** How the system weighs a session against others; undefined where it does not. */
async function sessionOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/autogroup`, 'utf8').catch(() => '')
  return /nice (-?\d+)/.exec(text)?.[1]
}

/** sched(7): `SCHED_IDLE`. */
const IDLE = '5'

/** How the system schedules each thread of a process. */
async function policiesOf(pid: number): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`)
  return Promise.all(
    threads.map(async (thread) => {
      const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8')
      // The 41st, and the third is the first after the name in brackets (proc_pid_stat(5)).
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[41 - 3]!
    }),
  )
}

const start = (file: URL, env: Record<string, string> = {}) =>
  startProcess(file, { BANYAN_IDENTITY_KEY: IDENTITY_KEY, ...env }, true)

it('a service that gives way comes after all others, its session too; another does not', async () => {
  const [modest, greeter] = await Promise.all([start(MODEST), start(GREETER)])
  try {
    expect(getPriority(modest.pid)).toBe(constants.priority.PRIORITY_LOW)
    expect(getPriority(greeter.pid)).toBe(getPriority())
    const usual = await sessionOf(greeter.pid)
    expect(await sessionOf(modest.pid)).toBe(usual && String(constants.priority.PRIORITY_LOW))
    if (process.platform === 'linux') {
      // Part of what every Debian has; without it a service gives way as far as above.
      execFileSync('chrt', ['--version'])
      expect(new Set(await policiesOf(modest.pid))).toEqual(new Set([IDLE]))
      expect(await policiesOf(greeter.pid)).not.toContain(IDLE)
    }
  } finally {
    for (const service of [modest, greeter]) {
      service.signal('SIGTERM')
      expect(await service.ended).toBe(0)
    }
  }
})

it('a service stands back as far as it is set to, its session too', async () => {
  const [back, usual] = await Promise.all([start(GREETER, { PROCESS_NICE: '5' }), start(GREETER)])
  try {
    expect(getPriority(back.pid)).toBe(5)
    expect(await sessionOf(back.pid)).toBe((await sessionOf(usual.pid)) && '5')
    expect(await sessionOf(usual.pid)).not.toBe('5')
  } finally {
    for (const service of [back, usual]) {
      service.signal('SIGTERM')
      expect(await service.ended).toBe(0)
    }
  }
})

it('a service is not started that is to go before others', async () => {
  await expect(start(GREETER, { PROCESS_NICE: '-5' })).rejects.toThrow('PROCESS_NICE is "-5"')
})
