import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'

/** Where Linux keeps the priority of a session, when it gives sessions equal shares (sched(7), "autogroup"). */
const SESSION = '/proc/self/autogroup'

/**
 * Has this process come after all others of its machine: it works with what they leave. Where the system does not let it,
 * it goes on as it is.
 */
export function giveWay(): void {
  stepBack(constants.priority.PRIORITY_LOW)
  // A low priority is still one that is waited for: a processor that works for it is no idle one to whoever wakes up, as
  // one is that works for what is to run when nothing else does (sched(7), "SCHED_IDLE"). Node knows no call for it;
  // threads that begin later have what the one has that began them.
  asFarAsItMay(() => {
    const all = ['--all-tasks', '--idle', '--pid', '0', String(process.pid)]
    execFileSync('chrt', all, { stdio: 'ignore', timeout: LONGEST_MS })
  })
}

/**
 * Lets others of its machine go before this process: where all want a processor at once it has a smaller share.
 *
 * @param nice 0, as much as anybody, to 19; see nice(1). Each five are a third of the share
 */
export function stepBack(nice: number): void {
  if (nice === 0) return
  asFarAsItMay(() => setPriority(nice))
  // Of a session that is its own the priority within it says nothing.
  asFarAsItMay(() => leadsSession() && writeFileSync(SESSION, String(nice)))
}

/** Where the system has it and allows it: nothing depends on it but how quick others are. */
function asFarAsItMay(act: () => void): void {
  try {
    act()
  } catch {
    // As above.
  }
}

/** A service is not kept from its start by a tool of the system. */
const LONGEST_MS = 2_000

/** Whether nobody else's session would give way with it. */
function leadsSession(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  // After the name in brackets, which may hold anything: state, parent, group, session (proc_pid_stat(5)).
  const session = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]
  return Number(session) === process.pid
}
