import { readFileSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

// Run by the supervisor as a process of its own: when the supervisor is gone, however it went (its
// end of the pipe closes with it), this one ends what it had started and deletes its folders.

const pids = new Set<number>()
const servers = new Set<string>()
const folders = new Set<string>()
const known: Record<string, Set<string>> = { postgres: servers, folder: folders }

// Ours is the last word: a signal to the whole terminal must not end it first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

const lines = createInterface({ input: process.stdin })
for await (const line of lines) {
  const [verb, kind, value] = JSON.parse(line) as ['add' | 'remove', string, string]
  if (kind === 'pid') pids[verb === 'add' ? 'add' : 'delete'](Number(value))
  else known[kind]?.[verb === 'add' ? 'add' : 'delete'](value)
}

for (const pid of pids) signal(-pid, 'SIGKILL')
for (const dataDir of servers) {
  const pid = postmaster(dataDir)
  if (pid === null) continue
  // A fast shutdown frees the shared memory, which a killed server leaves in the system.
  signal(pid, 'SIGINT')
  for (let i = 0; i < 100 && alive(pid); i++) await delay(100)
  if (alive(pid)) signal(-pid, 'SIGKILL')
}
for (const folder of [...servers, ...folders]) rmSync(folder, { recursive: true, force: true })

function postmaster(dataDir: string): number | null {
  try {
    return Number(readFileSync(`${dataDir}/postmaster.pid`, 'utf8').split('\n')[0]) || null
  } catch {
    return null
  }
}

function alive(pid: number): boolean {
  return signal(pid, 0)
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name)
    return true
  } catch {
    return false
  }
}
