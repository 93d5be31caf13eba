import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { System } from './system.ts'

/** Linux counts CPU time in hundredths of a second, whatever the clock of its kernel. */
const TICK_MS = 10

/** CPU time, ms, that each part of the system has used so far; empty where there is no /proc. */
export async function cpuOf(system: System): Promise<Readonly<Record<string, number>>> {
  const table = await processes()
  if (table.size === 0) return {}
  const pids: Record<string, number | undefined> = {
    gateway: system.gateway.pid,
    monolith: system.monolith.pid,
    monolithGateway: system.monolithGateway.pid,
  }
  for (const [name, { pid }] of Object.entries(system.services)) pids[name] = pid
  for (const [name, { dataDir }] of Object.entries(system.servers)) {
    pids[`PostgreSQL of ${name}`] = Number.parseInt(
      await readFile(join(dataDir, 'postmaster.pid'), 'utf8'),
      10,
    )
  }
  return Object.fromEntries(
    Object.entries(pids).map(([name, pid]) => [name, pid === undefined ? 0 : sumOf(table, pid)]),
  )
}

/** What was used between two looks. */
export function usedBetween(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)]),
  )
}

interface Used {
  readonly parent: number
  readonly own: number
  /** Of children that have ended. */
  readonly ended: number
}

/** A process, what it has begun, and what that had begun before it ended. */
function sumOf(table: ReadonlyMap<number, Used>, pid: number): number {
  const root = table.get(pid)
  if (!root) return 0
  let ticks = root.own + root.ended
  for (const { parent, own } of table.values()) if (parent === pid) ticks += own
  return ticks * TICK_MS
}

async function processes(): Promise<ReadonlyMap<number, Used>> {
  const names = await readdir('/proc').catch(() => [])
  const table = new Map<number, Used>()
  await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
        // After the name in brackets, which may hold anything: state, parent, … (proc_pid_stat(5)).
        const fields = text
          .slice(text.lastIndexOf(')') + 2)
          .split(' ')
          .map(Number)
        if (fields.length < 16) return
        const at = (n: number) => fields[n - 3]!
        table.set(Number(name), { parent: at(4), own: at(14) + at(15), ended: at(16) + at(17) })
      }),
  )
  return table
}
