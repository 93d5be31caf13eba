import { setTimeout as delay } from 'node:timers/promises'
import { BucketSet } from '@banyan/contracts'
import { Random } from '@banyan/lab'
import { type ControlClient, ControlError } from '@banyan/migration'
import { spread, until } from '../../statistics.ts'
import type { Measured, MeasureOptions } from '../measurement.ts'
import { Rig } from '../rig.ts'
import { LedgerReader } from './ledger.ts'
import { type HoldSystem, startHoldSystem } from './system.ts'
import { Writers } from './writers.ts'

const NAME = 'notes'
const PER_SECOND = 500
const SEED = 1
/** Between two handovers, ms: what one held must not be held again by the next. */
const REST_MS = 250
const PHASE_MS = 120_000
/** Shares of the buckets that the target is to own; 0 is a rollback of everything. */
const SHARES = [0, 1, 10, 25, 50, 75, 90, 100]

/** What one handover did. */
interface Handover {
  readonly from: number
  readonly to: number
  /** How many writes the gateway held, and how long each, ms. */
  readonly gatewayMs: readonly number[]
  /** The same writes from the clients' side, ms. */
  readonly clientMs: readonly number[]
  /** From the hold to the release, as the engine has it in its ledger, ms. */
  readonly engineMs: number
  readonly aborted: number
}

/** How long clients wait while buckets are handed back and forth under them. */
export async function measureHold(options: MeasureOptions): Promise<Measured> {
  const { supervisor, sizes } = options
  // As servers run in earnest: here checkpoints and autovacuum belong to what is measured.
  return Rig.with(
    supervisor,
    async (rig) => {
      const system = await startHoldSystem(supervisor, rig)
      try {
        const ledger = new LedgerReader(system.control, NAME)
        const writers = new Writers(system.gatewayUrl, PER_SECOND)
        await system.control.act(NAME, 'start')
        writers.start()
        try {
          await untilOwns(system.control, 1)
          const handovers = await handBackAndForth(system, ledger, writers, sizes.handovers)
          await writers.stop()
          return await report(system, writers, ledger, handovers)
        } finally {
          await writers.stop()
        }
      } finally {
        await system.stop()
      }
    },
    {},
  )
}

async function untilOwns(control: ControlClient, percent: number): Promise<void> {
  await until(
    `the target owns ${percent} %`,
    async () => {
      const status = await control.extraction(NAME)
      if (status.paused) throw new Error(`the extraction is paused: ${status.pausedWhy}`)
      return status.percent >= percent * 0.9 && status.goal === percent
    },
    PHASE_MS,
    50,
  )
}

async function handBackAndForth(
  system: HoldSystem,
  ledger: LedgerReader,
  writers: Writers,
  count: number,
): Promise<Handover[]> {
  const random = new Random(SEED)
  const windows: (Omit<Handover, 'clientMs'> & { began: number; ended: number })[] = []
  await ledger.skip()
  let share = 1
  let before = await system.stats()
  while (windows.length < count) {
    const next = nextShare(random, share, count - windows.length)
    const began = performance.now()
    await ask(system.control, next)
    const { engineMs, aborted } = await ledger.handover()
    const ended = performance.now()
    await delay(REST_MS)
    const now = await system.stats()
    const ends = now.released + now.refused - before.released - before.refused
    // The gateway keeps the latest thousand, and its queue holds no more at once.
    const gatewayMs = ends === 0 ? [] : now.recentMs.slice(-ends)
    windows.push({ from: share, to: next, gatewayMs, engineMs, aborted, began, ended })
    share = next
    before = now
  }
  return windows.map(({ began, ended, ...handover }) => ({
    ...handover,
    clientMs: slowest(writers, handover, began, ended),
  }))
}

/** The last handover gives everything to one side: there every acknowledged write must be. */
function nextShare(random: Random, share: number, left: number): number {
  if (left === 1) return 100
  return random.pick(SHARES.filter((one) => one !== share && (left > 2 || one !== 100)))
}

/**
 * The clients' latencies of the writes that were held: of those whose bucket moved and that were under
 * way in that time, the slowest, as many as the gateway says it held.
 */
function slowest(
  writers: Writers,
  { from, to, gatewayMs }: { from: number; to: number; gatewayMs: readonly number[] },
  began: number,
  ended: number,
): number[] {
  const [few, many] = [Math.min(from, to), Math.max(from, to)]
  const moved = BucketSet.share(many).minus(BucketSet.share(few))
  return writers.seen
    .filter(({ bucket, due, ms }) => moved.has(bucket) && due <= ended && due + ms >= began)
    .map(({ ms }) => ms)
    .sort((a, b) => b - a)
    .slice(0, gatewayMs.length)
}

/** Asks for a share as an operator would; a rollback that is ending is waited for. */
async function ask(control: ControlClient, share: number): Promise<void> {
  await until(
    `the engine takes the order for ${share} %`,
    async () => {
      try {
        if (share === 0) await control.act(NAME, 'rollback')
        else await control.act(NAME, 'promote', { percent: share })
        return true
      } catch (error) {
        if (error instanceof ControlError && error.problem.code === 'WRONG_PHASE') return false
        throw error
      }
    },
    10_000,
  )
}

async function report(
  system: HoldSystem,
  writers: Writers,
  ledger: LedgerReader,
  handovers: readonly Handover[],
): Promise<Measured> {
  const { lost, extra } = await writers.check(system.target.pool)
  const client = spread(handovers.flatMap((one) => one.clientMs))
  const gateway = spread(handovers.flatMap((one) => one.gatewayMs))
  const engine = spread(handovers.map((one) => one.engineMs))
  const every = spread(writers.seen.map((write) => write.ms))
  const aborted = handovers.reduce((sum, one) => sum + one.aborted, 0)
  const writesPerSecond = Math.round(writers.perSecond)
  const { replayed, refused } = await system.stats()
  const steps = [...ledger.stepsMs].map(([step, times]) => `${step} ${spread(times).p50}`)
  const line = (one: typeof client) => `p50 ${one.p50} ms, p99 ${one.p99} ms, at most ${one.max} ms`
  return {
    figures: {
      holdMs: {
        p50: client.p50,
        p99: client.p99,
        max: client.max,
        gatewayP50: gateway.p50,
        gatewayP99: gateway.p99,
        gatewayMax: gateway.max,
        handovers: handovers.length,
        heldWrites: client.samples,
        writesPerSecond,
        failures: writers.failures.length,
        lostWrites: lost,
        doubledWrites: extra,
        abortedAttempts: aborted,
      },
    },
    details: {
      seed: SEED,
      engineHoldMs: engine,
      stepsMs: Object.fromEntries(
        [...ledger.stepsMs].map(([step, times]) => [step, spread(times)]),
      ),
      clientHoldMs: client,
      gatewayHoldMs: gateway,
      everyWriteMs: every,
      acknowledged: writers.seen.length,
      replayed,
      refused,
      failures: writers.failures.slice(0, 20),
      handovers: handovers.map(({ from, to, engineMs, aborted, clientMs }) => ({
        from,
        to,
        engineMs,
        aborted,
        held: clientMs.length,
        longestMs: Math.round(clientMs[0] ?? 0),
      })),
    },
    lines: [
      [`${client.samples} held writes, clients`, line(client)],
      ['held writes, gateway', line(gateway)],
      [`${handovers.length} handovers, engine`, `${line(engine)}; ${aborted} attempts aborted`],
      ['of which p50, ms', steps.join(', ')],
      [`every write at ${writesPerSecond}/s`, line(every)],
      [
        `${writers.seen.length} acknowledged`,
        `${writers.failures.length} failed, ${lost} lost, ${extra} doubled`,
      ],
    ],
    notes: [
      `hold: ${PER_SECOND} writes/s, open loop, by ${handovers.length} handovers of random shares in both directions (seed ${SEED}); application, gateway, engine and clients are four processes beside two servers`,
      'hold: a client’s time is from when the write was due to its answer; the writes counted as held are the slowest of the buckets that moved, as many as the gateway held',
    ],
  }
}
