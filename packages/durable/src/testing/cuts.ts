import { spawn } from 'node:child_process'
import { createPool, type EmbeddedPostgres, type Pool, type PoolClient } from '@banyan/postgres'
import pg from 'pg'
import { type Durable, type DurableOptions, openDurable } from '../durable.ts'

/** What became of work that was cut short and taken up again. */
export interface CutCounts {
  readonly lost: number
  readonly doubled: number
  /** Out of order within their key. */
  readonly disordered?: number
}

/** Work that may be cut short anywhere, and how to tell what became of it. */
export interface CutActor {
  readonly options?: DurableOptions
  /** Makes what it works on; never cut. */
  seed(durable: Durable): Promise<void>
  /**
   * Works until nothing is left to do, then returns; what it sends through `durable.pool` is counted and
   * cut. The same statements in the same order each time: one thing after another, no loops of timers,
   * claims for `LEASE_MS`. Run again after a cut, it may have to wait for a lease.
   */
  run(durable: Durable): Promise<void>
  /** Looks at the end, after another process has finished the work. */
  check(durable: Durable): Promise<CutCounts>
}

/**
 * How long actors claim for, ms. Whoever takes up the work of one that died waits for the rest of it; a process that
 * starts on a loaded machine, and is not cut, has to be done with a batch within it: a second was too short for that.
 */
export const LEASE_MS = 5_000

/** Where, around one statement, the process dies. */
const MOMENTS = ['before it is sent', 'before it is answered', 'after it is answered'] as const

/** The statements of a pool, and the one around which the process kills itself (SIGKILL). */
export class Cutter {
  readonly sent: string[] = []
  #armed = false
  #cut = -1

  /** To be called before the pool has connected. */
  constructor(pool: Pool) {
    pool.on('connect', (client: PoolClient) => this.#watch(client))
  }

  /** From here on statements count; cut n is moment n mod 3 of statement n div 3, none when negative. */
  arm(cut: number): void {
    this.#armed = true
    this.#cut = cut
  }

  #watch(client: PoolClient): void {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    Object.assign(client, {
      query: (...args: unknown[]) => {
        if (!this.#armed) return query(...args)
        const at = this.sent.push(textOf(args[0])) - 1
        const die = (moment: number) => {
          if (this.#cut === at * MOMENTS.length + moment) process.kill(process.pid, 'SIGKILL')
        }
        die(0)
        const callback = args.at(-1)
        if (typeof callback === 'function') {
          args[args.length - 1] = (...answer: unknown[]) => {
            die(2)
            callback(...answer)
          }
        }
        const answer = query(...args)
        // Written to the socket by now, which outlives the process: the server goes on with it.
        die(1)
        return answer instanceof Promise ? answer.finally(() => die(2)) : answer
      },
    })
  }
}

export interface CutVerdict {
  /** Runs whose process was killed at its cut. */
  readonly cuts: number
  readonly lost: number
  readonly doubled: number
  readonly disordered: number
  /** Which cuts lost, doubled or disordered something, or were not reached, in words. */
  readonly failures: readonly string[]
}

export interface ProveOptions {
  /** Module whose default export is the `CutActor`. */
  readonly actor: URL
  readonly server: EmbeddedPostgres
  /** Which of the cuts, of so many in all; all of them by default. */
  readonly choose?: (cuts: number) => readonly number[]
  /** Before the work is taken up again: a restart of the server, say; then with one job only. */
  readonly between?: () => Promise<void>
  /** Runs at a time, each in a database of its own; 1 by default. Much of a run is waiting for a lease. */
  readonly jobs?: number
  /** Told after each run how many there have been, of how many. */
  readonly onRun?: (done: number, all: number) => void
}

/** The work of this package that is cut: one more actor is one more line. */
export const CUT_ACTORS = {
  relay: new URL('./relay-actor.ts', import.meta.url),
  inbox: new URL('./inbox-actor.ts', import.meta.url),
  saga: new URL('./saga-actor.ts', import.meta.url),
  scheduler: new URL('./scheduler-actor.ts', import.meta.url),
} as const

const CHILD = new URL('./cut-child.ts', import.meta.url).pathname
let databases = 0

/**
 * Runs the actor once to see what it sends; then once for each cut, in a process of its own that dies
 * there, and finishes the work in this one.
 */
export async function proveCuts(options: ProveOptions): Promise<CutVerdict> {
  const actor = ((await import(options.actor.href)) as { default: CutActor }).default
  const whole = await runOnce(options, actor, -1)
  if (whole.failures.length > 0) throw new Error(`uncut: ${whole.failures.join('; ')}`)
  const all = whole.statements.length * MOMENTS.length
  const chosen = options.choose?.(all) ?? Array.from({ length: all }, (_, cut) => cut)
  const verdict = { cuts: 0, lost: 0, doubled: 0, disordered: 0, failures: [] as string[] }
  const waiting = [...chosen]
  const work = async () => {
    for (let cut = waiting.shift(); cut !== undefined; cut = waiting.shift()) {
      const one = await runOnce(options, actor, cut)
      if (one.killed) verdict.cuts++
      verdict.lost += one.lost
      verdict.doubled += one.doubled
      verdict.disordered += one.disordered
      const where = `cut ${cut}, ${MOMENTS[cut % 3]}: ${whole.statements[Math.floor(cut / 3)]}`
      if (!one.killed) verdict.failures.push(`${where}: not reached`)
      verdict.failures.push(...one.failures.map((failure) => `${where}: ${failure}`))
      options.onRun?.(verdict.cuts, chosen.length)
    }
  }
  await Promise.all(Array.from({ length: options.jobs ?? 1 }, work))
  return verdict
}

async function runOnce(
  { actor: module, server, between }: ProveOptions,
  actor: CutActor,
  cut: number,
) {
  const database = `cut_${process.pid}_${++databases}`
  const url = await server.createDatabase(database)
  const pool = createPool(url, { name: 'survivor', max: 10 })
  const durable = await openDurable(pool, actor.options)
  try {
    await actor.seed(durable)
    const child = await runChild([module.href, url, String(cut)])
    await between?.()
    if (child.killed) await actor.run(durable)
    const { lost, doubled, disordered = 0 } = await actor.check(durable)
    const failures = child.killed || child.code === 0 ? [] : [child.output]
    if (lost + doubled + disordered > 0) {
      failures.push(`${lost} lost, ${doubled} doubled, ${disordered} out of order`)
    }
    const statements =
      failures.length > 0 || child.killed ? [] : (JSON.parse(child.output) as string[])
    return { killed: child.killed, statements, lost, doubled, disordered, failures }
  } finally {
    await durable.close()
    await pool.end()
    await dropDatabase(server, database)
  }
}

async function dropDatabase(server: EmbeddedPostgres, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url() })
  await client.connect()
  await client.query(`DROP DATABASE ${database} WITH (FORCE)`)
  await client.end()
}

function runChild(
  args: string[],
): Promise<{ killed: boolean; code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ killed: signal === 'SIGKILL', code, output }))
  })
}

function textOf(query: unknown): string {
  const text = typeof query === 'string' ? query : (query as { text: string }).text
  return text.replace(/\s+/g, ' ').trim().slice(0, 80)
}
