import { spawn } from 'node:child_process'
import { quoted } from '../outbound.ts'
import type { CommandSource } from './setting.ts'

/** What every program may need; all else has to be named, so that no secret of the engine reaches one by chance. */
const ALWAYS = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'TZ']
const MOST_BYTES = 64 * 1024

/**
 * Runs it to its end: the number it prints, as JSON. It runs in a process group of its own, which is killed when the time is up,
 * and after the end.
 *
 * @throws Error that says how it ended instead, with what it said last.
 */
export async function runCommand(
  { run, env = [] }: CommandSource,
  extraction: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  signal.throwIfAborted()
  const [program = '', ...args] = run
  const given = [...ALWAYS, ...env].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const child = spawn(program, args, {
    env: { ...Object.fromEntries(given), BANYAN_EXTRACTION: extraction },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: what it starts is killed with it.
    detached: true,
  })
  let killedFor: string | null = null
  const kill = (why: string) => {
    killedFor ??= why
    killGroup(child.pid)
  }
  const said = { out: '', err: '' }
  const hear = (which: 'out' | 'err') => (chunk: string) => {
    said[which] += chunk
    if (said[which].length > MOST_BYTES) kill(`it printed more than ${MOST_BYTES} characters`)
  }
  child.stdout.setEncoding('utf8').on('data', hear('out'))
  child.stderr.setEncoding('utf8').on('data', hear('err'))
  const late = setTimeout(() => kill(`it was not done within ${timeoutMs} ms`), timeoutMs)
  const onAbort = () => kill('it is not needed any more')
  signal.addEventListener('abort', onAbort)
  try {
    const ended = await new Promise<string | number | null>((resolve, reject) => {
      child.on('error', reject)
      // Those it left behind keep its output open.
      child.on('exit', () => killGroup(child.pid))
      child.on('close', (code, by) => resolve(code ?? by))
    })
    if (killedFor !== null) throw new Error(killedFor)
    if (ended !== 0) throw new Error(`it ended with ${ended}: ${quoted(said.err || said.out)}`)
    return [numberIn(said.out)]
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', onAbort)
  }
}

function numberIn(output: string): number {
  let value: unknown
  try {
    value = JSON.parse(output)
  } catch {
    value = undefined
  }
  if (typeof value === 'number') return value
  throw new Error(`it must print a number, and printed: ${quoted(output) || 'nothing'}`)
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}
