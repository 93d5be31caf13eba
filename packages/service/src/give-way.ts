import { readFileSync, writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'

/** Where Linux keeps the priority of a session, when it gives sessions equal shares (sched(7), "autogroup"). */
const SESSION = '/proc/self/autogroup'

/**
 * Has this process come after all others of its machine: it works with what they leave. Where the system does not let it,
 * it goes on as it is.
 */
export function giveWay(): void {
  const { PRIORITY_LOW } = constants.priority
  try {
    setPriority(PRIORITY_LOW)
    // Of a session that is its own the priority within it says nothing.
    if (leadsSession()) writeFileSync(SESSION, String(PRIORITY_LOW))
  } catch {
    // No right to, or no such file: nothing depends on it but how quick others are.
  }
}

/** Whether nobody else's session would give way with it. */
function leadsSession(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  // After the name in brackets, which may hold anything: state, parent, group, session (proc_pid_stat(5)).
  const session = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]
  return Number(session) === process.pid
}
