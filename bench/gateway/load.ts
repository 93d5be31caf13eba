import { execFile, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findProgram } from '../../scripts/servers/debian.ts'
import { bind, type Contender, OTHER_CORE } from './contenders.ts'

const CONNECTIONS = 32
const PATH = '/api/things?page=1'

export interface Loaded {
  /** Requests answered a second. */
  readonly rate: number
  readonly answered: number
  /** From sending a request to the end of its answer; ms. */
  readonly p99Ms: number
}

export type Target = Pick<Contender, 'port' | 'headers'>

/** Asks the same thing twice. @throws Error when an upstream was asked for it again: then nothing is kept. */
export async function requireKept({ port, headers }: Target): Promise<void> {
  const fields = headers.map((line) => line.split(': ', 2) as [string, string])
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}${PATH}`, { headers: fields })
    await answer.arrayBuffer()
    return answer.headers
  }
  await ask()
  if (!(await ask()).has('age')) throw new Error('the answer was not one that was kept')
}

/** As many requests as it answers over `CONNECTIONS` connections: by wrk where it is, which costs the least. */
export async function load(target: Target, seconds: number): Promise<Loaded> {
  const wrk = await findProgram('wrk')
  return wrk ? byWrk(wrk, target, seconds) : ownLoad(target, seconds, 0)
}

/** @param perSecond requests a second in all, evenly spread; 0 for as many as are answered. */
export async function ownLoad(target: Target, seconds: number, perSecond: number): Promise<Loaded> {
  const file = fileURLToPath(new URL('load-child.ts', import.meta.url))
  const what = JSON.stringify({
    ...target,
    path: PATH,
    connections: CONNECTIONS,
    seconds,
    perSecond,
  })
  const child = spawn(process.execPath, ['--import', 'tsx', file, what], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await bind(child.pid!, OTHER_CORE)
  let text = ''
  for await (const piece of child.stdout) text += String(piece)
  return JSON.parse(text) as Loaded
}

async function byWrk(wrk: string, { port, headers }: Target, seconds: number): Promise<Loaded> {
  const args = [
    ...['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '--latency'],
    ...headers.flatMap((header) => ['-H', header]),
    `http://127.0.0.1:${port}${PATH}`,
  ]
  const bound = (await findProgram('taskset'))
    ? ['taskset', '-c', String(OTHER_CORE), wrk, ...args]
    : [wrk, ...args]
  const { stdout } = await promisify(execFile)(bound[0]!, bound.slice(1))
  return readWrk(stdout)
}

/** @throws Error when answers were no good: then the rate says nothing. */
export function readWrk(text: string): Loaded {
  const found = (pattern: RegExp) => pattern.exec(text)
  const bad = found(/Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)/)
  if (bad) throw new Error(`wrk says "${bad[0]}"`)
  const [, p99 = 'NaN', unit = 'ms'] = found(/99%\s+([\d.]+)(us|ms|s)/) ?? []
  return {
    rate: Number(found(/Requests\/sec:\s+([\d.]+)/)?.[1]),
    answered: Number(found(/(\d+) requests in/)?.[1]),
    p99Ms: Number(p99) * { us: 0.001, ms: 1, s: 1_000 }[unit as 'us' | 'ms' | 's'],
  }
}
