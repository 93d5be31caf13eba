import { BucketSet } from '@banyan/contracts'
import {
  Link,
  type LinkProblem,
  type PreparedCheck,
  prepareBucketCheck,
  proveRoundTrips,
  type ResolvedTable,
  refuseLosses,
  resolveTables,
  type SideName,
  serverIdentity,
  stillDivergent,
  verify,
} from '@banyan/replication'
import { Brake, type Readings, readLoad } from './brake.ts'
import type { TablesDependencies } from './dependencies.ts'
import { type HandoverContext, handOver } from './handover.ts'
import { installExtraction, uninstallExtraction } from './install.ts'
import { recover, recoverAlone } from './recovery.ts'
import { planSequences, splitSequences } from './sequences.ts'
import { isSameServer, requireSameServers } from './server-change.ts'
import { inState, isAnswer, isPassing, Side } from './sides.ts'
import type { HandoverRecord, ThrottleStatus } from './status.ts'
import type { ExtractionRow, SequenceRecord } from './store.ts'
import { withRoutes } from './tables.ts'
import type { Comparing } from './verification.ts'

/**
 * More rows are not compared while writers are held: 100,000 took 400 to 1,700 ms, for what the barrier
 * has ensured already and the running verify looks at anyway.
 */
const CHECK_ROWS = 10_000
export const UNLIMITED: ThrottleStatus = { rowsPerSecond: null, by: null, why: null }

export interface CopyState {
  rows: number
  total: number
  rowsPerSecond: number
  etaMs: number | null
}

/** The working parts of an extraction in one engine's hands: both sides, both streams, who owns what. */
export class Live {
  readonly source: Side
  readonly target: Side
  readonly forward: Link
  readonly reverse: Link
  readonly tables: readonly ResolvedTable[]
  readonly sequences: readonly SequenceRecord[]
  readonly handoverContext: HandoverContext
  /** The target's buckets, by its own rows. */
  owned: BucketSet
  copyDone: boolean
  /** The database's own words when the copy cannot go on. */
  copyFailed: string | null = null
  /** Rows copied a second at most, by hand; null leaves it to the plan. */
  copyLimit: number | null
  readonly #brake: Brake
  readonly copy: CopyState = { rows: 0, total: 0, rowsPerSecond: 0, etaMs: null }
  #copying: { abort: AbortController; done: Promise<void> } | null = null
  #reverseStarted = false
  #handingOver = false
  readonly #abort = new AbortController()

  private constructor(
    parts: Pick<Live, 'source' | 'target' | 'forward' | 'reverse' | 'tables' | 'sequences'>,
    dependencies: TablesDependencies,
    row: ExtractionRow,
    signal: AbortSignal,
  ) {
    this.source = parts.source
    this.target = parts.target
    this.forward = parts.forward
    this.reverse = parts.reverse
    this.tables = parts.tables
    this.sequences = parts.sequences
    this.owned = BucketSet.none
    this.copyDone = row.phase !== 'copying'
    this.copyLimit = row.copyLimit
    this.#brake = new Brake(dependencies.plan.throttle)
    const { plan, monolith, term, gateways, ledger } = dependencies
    this.handoverContext = {
      ...parts,
      plan,
      monolithUrl: monolith.url,
      term,
      gateways,
      ledger,
      objects: dependencies.objects ?? null,
      signal,
      prepareCheck: (buckets, withinMs) => this.#prepareCheck(buckets, withinMs),
    }
  }

  /**
   * Takes both sides into this engine's hands: raises the token in both *before* anything is read,
   * recovers, and starts the streams.
   */
  static async open(
    dependencies: TablesDependencies,
    row: ExtractionRow,
    signal: AbortSignal,
    onProblem: (problem: LinkProblem) => void,
  ): Promise<Live> {
    const { plan, monolith, token } = dependencies
    const source = new Side('source', plan.name, monolith.databaseUrl, token)
    const target = new Side('target', plan.name, plan.service.databaseUrl, token)
    let live: Live | null = null
    try {
      await take(dependencies, row, source, target)
      const ending = row.wanted.includes('completing') || row.wanted.includes('cancelling')
      if (!ending) await requireSameServers(dependencies, row, source, target)
      // What is taken away needs no tables, and they may be why it is: dropped, or changed past the plan.
      const tables = ending ? [] : await resolveTables(source.pool, target.pool, plan.tables)
      if (!ending) await proveBeforeStart(row, source, target, tables)
      const sequences = ending
        ? row.sequences
        : await install(dependencies, row, source, target, tables)
      const servers = {
        source: await serverIdentity(source.pool),
        target: await serverIdentity(target.pool),
      }
      const link = (stream: 'forward' | 'reverse') =>
        new Link({
          servers:
            stream === 'forward'
              ? { from: servers.source, to: servers.target }
              : { from: servers.target, to: servers.source },
          extraction: plan.name,
          stream,
          fromUrl: stream === 'forward' ? monolith.databaseUrl : plan.service.databaseUrl,
          toUrl: stream === 'forward' ? plan.service.databaseUrl : monolith.databaseUrl,
          tables,
          token,
          onProblem,
        })
      const parts = {
        source,
        target,
        tables,
        sequences,
        forward: link('forward'),
        reverse: link('reverse'),
      }
      live = new Live(parts, dependencies, row, signal)
      if (ending) return live
      await recover({ ...live.handoverContext })
      await live.noteWhole()
      live.owned = inState(await target.ownership(), 'open')
      await live.forward.prepare()
      live.forward.start()
      if (live.copyDone) await live.startReverse()
      return live
    } catch (error) {
      await (live ? live.close() : Promise.all([source.close(), target.close()]))
      throw error
    }
  }

  /** The stream back is there before the target can take a write; not before the copy, which it would only drop. */
  async startReverse(): Promise<void> {
    if (this.#reverseStarted) return
    await this.reverse.prepare()
    this.reverse.start()
    this.#reverseStarted = true
  }

  startCopy(): void {
    if (this.#copying) return
    const abort = new AbortController()
    const signal = AbortSignal.any([abort.signal, this.#abort.signal])
    const watching = this.#brake.watch(
      () => this.#readings(),
      () => this.copy.rows,
      signal,
    )
    const done = this.forward
      .copy({
        signal,
        limit: () => this.throttle().rowsPerSecond ?? Number.POSITIVE_INFINITY,
        onProgress: (progress) => {
          this.copy.rows = progress.totalRows
          this.copy.total = progress.totalEstimatedRows
          this.copy.rowsPerSecond = progress.rowsPerSecond
          this.copy.etaMs = progress.etaMs
        },
      })
      .then((report) => {
        // Stopped by `stopCopy`: an interrupted copy reports too, and is not done.
        if (abort.signal.aborted || this.#abort.signal.aborted) return
        this.copy.rows = report.rows
        this.copy.total = report.rows
        this.copy.rowsPerSecond = Math.round((report.rows * 1000) / Math.max(1, report.ms))
        this.copy.etaMs = 0
        this.copyDone = true
      })
      .catch((error: Error) => {
        // A lost connection or a lost race is tried again at the next tick, from the last stored chunk.
        if (isAnswer(error) && !isPassing(error))
          this.copyFailed = `the copy failed: ${error.message}`
      })
      .finally(async () => {
        abort.abort()
        await watching
        this.#copying = null
      })
    this.#copying = { abort, done }
  }

  /** What limits the copy now: the tightest of all. */
  throttle(): ThrottleStatus {
    const { copyRowsPerSecond } = this.handoverContext.plan
    const { rowsPerSecond, pressure } = this.#brake
    const given: ThrottleStatus =
      this.copyLimit === null
        ? { rowsPerSecond: copyRowsPerSecond, by: 'plan', why: 'copyRowsPerSecond of the plan' }
        : { rowsPerSecond: this.copyLimit, by: 'hand', why: 'banyan throttle' }
    if (pressure && rowsPerSecond < given.rowsPerSecond!) {
      return { rowsPerSecond: Math.round(rowsPerSecond), by: pressure.by, why: pressure.why }
    }
    return given.rowsPerSecond === Number.POSITIVE_INFINITY ? UNLIMITED : given
  }

  async #readings(): Promise<Readings> {
    const [source, target] = await Promise.all(
      [this.source, this.target].map((side) => readLoad(side.pool)),
    )
    return { lagMs: this.forward.status().lagMs, source: source!, target: target! }
  }

  async stopCopy(): Promise<void> {
    this.#copying?.abort.abort()
    await this.#copying?.done
  }

  lags(): (number | null)[] {
    return [this.forward, this.reverse].map((link) => link.status().lagMs)
  }

  /** What the running comparison works with. */
  readonly comparing: Comparing = {
    compare: (options) => verify({ ...options, ...this.#compared(options.signal) }),
    stillDivergent: (rows, signal) => stillDivergent(this.#compared(signal), rows),
    lagMs: () => {
      const known = this.lags().filter((lag) => lag !== null)
      return known.length > 0 ? Math.max(...known) : null
    },
    handingOver: () => this.#handingOver,
  }

  /** One attempt at a handover; the running comparison stands back meanwhile. */
  async handOver(buckets: BucketSet, from: SideName, attempt: number): Promise<HandoverRecord> {
    this.#handingOver = true
    try {
      return await handOver(this.handoverContext, buckets, from, attempt)
    } finally {
      this.#handingOver = false
    }
  }

  /** Lets the guards of a side that owns every bucket go by one look; to be called after flips. */
  async noteWhole(): Promise<void> {
    await Promise.all([this.source.noteWhole(), this.target.noteWhole()])
  }

  #compared(signal: AbortSignal | undefined) {
    return {
      tables: this.tables,
      source: this.source.pool,
      target: this.target.pool,
      forward: this.forward,
      reverse: this.reverse,
      signal: signal ? AbortSignal.any([signal, this.#abort.signal]) : this.#abort.signal,
    }
  }

  async #prepareCheck(buckets: BucketSet, withinMs: number): Promise<PreparedCheck | null> {
    return prepareBucketCheck({
      tables: this.tables,
      source: this.source.pool,
      target: this.target.pool,
      buckets,
      mostRows: CHECK_ROWS,
      withinMs,
    })
  }

  async close(): Promise<void> {
    this.#abort.abort()
    await this.stopCopy()
    await Promise.all([this.forward.close(), this.reverse.close()])
    await Promise.all([this.source.close(), this.target.close()])
  }
}

/** Raises the token on both sides; with one away, what the other alone can tell is done before giving up. */
async function take(
  d: TablesDependencies,
  row: ExtractionRow,
  source: Side,
  target: Side,
): Promise<void> {
  const sides = [source, target]
  const answers = await Promise.allSettled(sides.map((side) => side.raise()))
  const failed = answers.find((answer) => answer.status === 'rejected')
  if (!failed) return
  for (const [i, answer] of answers.entries()) {
    if (answer.status === 'rejected') continue
    if (!(await isSameServer(row, sides[i]!))) continue
    const reopened = await recoverAlone(sides[i]!)
    if (reopened > 0) {
      d.log.warn({ side: sides[i]!.name, reopened }, 'reopened with the other side away')
      const change = withRoutes(d.monolith.url, d.plan, { hold: null })
      await d.gateways.publish(d.term, d.plan.name, change, { drainMs: 0, outlast: false })
    }
  }
  throw failed.reason
}

/** Before the first row is copied: a mapping that loses values without saying so does not begin. */
async function proveBeforeStart(
  row: ExtractionRow,
  source: Side,
  target: Side,
  tables: readonly ResolvedTable[],
): Promise<void> {
  if (row.phase !== 'copying') return
  const { rowCount } = await target.pool.query(
    'SELECT 1 FROM banyan.extraction WHERE extraction = $1',
    [row.name],
  )
  if (rowCount === 1) return
  refuseLosses(tables, await proveRoundTrips(source.pool, target.pool, tables))
}

/** A target that was away when its move was abandoned and ended still has what was installed then. */
async function forgetAbandoned(extraction: string, source: Side, target: Side): Promise<void> {
  const [mine, theirs] = await Promise.all([source.ownership(), target.ownership()])
  if (mine.length > 0 || theirs.length === 0) return
  await uninstallExtraction(target.pool, extraction)
  await target.raise()
}

async function install(
  d: TablesDependencies,
  row: ExtractionRow,
  source: Side,
  target: Side,
  tables: readonly ResolvedTable[],
): Promise<readonly SequenceRecord[]> {
  const { plan, store, term } = d
  if (row.phase === 'copying') await forgetAbandoned(plan.name, source, target)
  await installExtraction(target.pool, 'target', plan.name, tables)
  await installExtraction(source.pool, 'source', plan.name, tables)
  let { sequences } = row
  if (sequences.length === 0) {
    sequences = await planSequences(source.pool, target.pool, tables)
    if (sequences.length > 0) await store.keepSequences(plan.name, term, sequences)
  }
  await splitSequences({ source: source.pool, target: target.pool }, sequences)
  return sequences
}
