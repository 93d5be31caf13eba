import { setTimeout as delay } from 'node:timers/promises'
import { Random, Supervisor } from '@banyan/lab'
import type { Pool } from '@banyan/postgres'
import { Injector } from './faults.ts'
import { otherSide, TrialPair } from './pair.ts'
import { type Findings, Passes } from './passes.ts'
import { quoted, TABLES } from './tables.ts'
import { Writers } from './writers.ts'

export interface TrialOptions {
  readonly seed: number
  readonly minutes: number
  /** At least so many are injected, outside of hot rows. */
  readonly faults: number
  readonly writesPerSecond: number
  /** Share of the time the running comparison may be at work; a quarter by default. */
  readonly share?: number
  print(line: string): void
}

export interface TrialResult {
  readonly findings: Findings
  readonly writesPerSecond: number
  readonly acknowledged: number
  readonly refusedWrites: number
  readonly handovers: number
  readonly minutes: number
  /** Rows that differ at the end, by a comparison that is not verify's. */
  readonly differAtEnd: number
  readonly rows: number
}

const SHARE = 0.25
const BATCH_MS = 250
const HANDOVER_MS = 2_000
const TELL_MS = 10_000

/** Writes, hands over, spoils rows and compares, all at once; at the end everything must be found and equal. */
export async function runTrial(options: TrialOptions): Promise<TrialResult> {
  const supervisor = await Supervisor.create({ name: 'banyan-verify-faults' })
  try {
    const server = await supervisor.postgres()
    const pair = await TrialPair.start(server)
    try {
      return await trial(pair, options)
    } finally {
      await pair.stop()
    }
  } finally {
    await supervisor.stopAll()
  }
}

async function trial(pair: TrialPair, options: TrialOptions): Promise<TrialResult> {
  const random = new Random(options.seed)
  const injector = await Injector.install(pair, random.fork('faults'))
  const passes = new Passes(pair, injector, options.share ?? SHARE)
  const writers = new Writers(pair, options.writesPerSecond)
  writers.start(random.fork('writers'))
  const began = performance.now()
  const elapsed = () => performance.now() - began
  const length = options.minutes * 60_000
  const { findings } = passes
  const injected = () => Object.values(findings.injected).reduce((sum, n) => sum + n, 0)
  let going = true

  const handing = loop(async () => {
    await delay(HANDOVER_MS)
    await handOver(pair, random)
  })
  const injecting = loop(async () => {
    await delay(BATCH_MS)
    // A little ahead, so that the end of the time finds all of them injected.
    const due = Math.min(1, (elapsed() * 1.02) / length) * options.faults
    // Some of what is asked for falls on buckets that are being handed over, or on hot rows.
    const more = Math.min(200, Math.ceil(due - injected()))
    if (more > 0) passes.count(await injector.inject(more))
    // Without a handover it would have shown less than it says.
    const enough = injected() >= options.faults && pair.handovers > 0
    if (elapsed() > length && enough) going = false
  })
  const comparing = loop(() => passes.pass())
  const telling = setInterval(
    () =>
      options.print(
        `${Math.round(elapsed() / 1000)} s: ${Math.round(writers.writesPerSecond)} writes/s, ${pair.handovers} handovers, ` +
          `${findings.passes} passes, ${injected()} faults, ${sum(findings.found)} found, ${findings.missed} missed, ${findings.falseAlarms} false alarms`,
      ),
    TELL_MS,
  )
  const all = Promise.all([handing, injecting, comparing])
  await Promise.race([all, writers.failed(), watchProblems()]).finally(() => {
    going = false
    clearInterval(telling)
  })
  // What is still there is found by the next pass, and the one after finds nothing.
  await passes.pass()
  await passes.pass()
  await writers.stop()
  await pair.quiet()
  return {
    findings,
    writesPerSecond: writers.writesPerSecond,
    acknowledged: writers.counts.acknowledged,
    refusedWrites: writers.counts.refused,
    handovers: pair.handovers,
    minutes: elapsed() / 60_000,
    ...(await compareAtEnd(pair)),
  }

  async function loop(work: () => Promise<void>): Promise<void> {
    while (going) await work()
  }

  async function watchProblems(): Promise<never> {
    for (;;) {
      const fatal = pair.problems.find((one) => one.fatal)
      if (fatal) throw new Error(`a stream broke: ${fatal.message}`)
      // Rogue writes are refused all the time: what was said of them is not kept.
      pair.problems.length = 0
      if (!going) return new Promise(() => {})
      await delay(200)
    }
  }
}

/** Gives some of one side's buckets, or all of them, to the other. */
async function handOver(pair: TrialPair, random: Random): Promise<void> {
  const mostly = pair.bucketsOf('source').length >= 512 ? 'source' : 'target'
  const from = random.next() < 0.8 ? mostly : otherSide(mostly)
  const share = random.next() < 0.1 ? 1 : random.next()
  const buckets = pair.bucketsOf(from).filter(() => random.next() < share)
  if (buckets.length > 0) await pair.handOver(buckets, from)
}

export function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, n) => all + n, 0)
}

/** Reads every row of both sides as text and compares them here, with nothing of verify in between. */
async function compareAtEnd(pair: TrialPair): Promise<{ rows: number; differAtEnd: number }> {
  let rows = 0
  let differAtEnd = 0
  for (const table of TABLES) {
    const columns = Object.keys(table.columns).map((name) => `t.${quoted(name)}`)
    const text = `SELECT ROW(${columns.join(', ')})::text AS row FROM ${table.spec.source} t`
    const read = async (pool: Pool) => (await pool.query<{ row: string }>(text)).rows
    const [here, there] = await Promise.all([read(pair.pools.source), read(pair.pools.target)])
    const left = new Set(here.map((one) => one.row))
    rows += here.length
    for (const { row } of there) if (!left.delete(row)) differAtEnd++
    differAtEnd += left.size
  }
  return { rows, differAtEnd }
}
