import type { BucketSet } from '@banyan/contracts'
import type { Pool } from '@banyan/postgres'
import type { Link } from './link.ts'
import { mapBoth } from './mapped-rows.ts'
import type { ResolvedTable } from './mapping.ts'
import { tableName } from './part.ts'
import { scanTable } from './scan.ts'
import { type SettleOptions, settle } from './settle.ts'

export interface VerifyOptions {
  readonly tables: readonly ResolvedTable[]
  readonly source: Pool
  readonly target: Pool
  /** Runs; what it carries is waited for before a row is called divergent. */
  readonly forward: Link
  /** Runs where the target owns buckets. */
  readonly reverse: Link
  /** Only rows of these buckets; all when left out. */
  readonly buckets?: BucketSet
  /** Rows a chunk; 10,000 by default. */
  readonly chunkRows?: number
  /** Divergences reported in full; 100 by default. */
  readonly keep?: number
  readonly signal?: AbortSignal
  onProgress?(progress: VerifyProgress): void
  /** Called for each divergence when it is found, long before the report on a large table. */
  onDivergence?(divergence: Divergence): void
  /** Throttle: called after each chunk with the time it took, ms; the next one waits for it. */
  pace?(workedMs: number): Promise<void>
}

export interface VerifyProgress {
  readonly table: string
  /** Of this table. */
  readonly rows: number
  readonly totalRows: number
  readonly divergent: number
}

/** A row that truly differs, though replication has caught up with it. */
export interface Divergence {
  readonly table: string
  /** Values of the key as text, in the order of the source's key. */
  readonly key: readonly string[]
  /**
   * Seen from the owner's side: the other side lacks it, has it in excess, holds other values, or
   * holds the right values in each other's columns.
   */
  readonly kind: 'missing' | 'extra' | 'changed' | 'swapped'
  /** Target columns that differ, for `changed` and `swapped`. */
  readonly columns: readonly string[]
}

export interface VerifyReport {
  readonly rows: number
  readonly divergent: number
  /** The first `keep`. */
  readonly divergences: readonly Divergence[]
  /** While at work: the pauses of a throttle do not count. */
  readonly rowsPerSecond: number
  /** Rows that differed at first sight and were equal once replication had caught up. */
  readonly settled: number
}

const CHUNK_ROWS = 10_000
const KEPT_DIVERGENCES = 100
/** Suspects are looked at in full, in memory. */
const SETTLE_AT_ONCE = 500

/**
 * Compares the rows of both sides while they change, before, through and after a handover, and
 * whichever side owns them.
 *
 * @throws the signal's reason; an Error when a stream that is needed does not run.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const report = { rows: 0, divergent: 0, settled: 0 }
  const keep = options.keep ?? KEPT_DIVERGENCES
  const divergences: Divergence[] = []
  /** Of the table in hand: each look waits for a probe, so they are looked at together. */
  const waiting: (readonly string[])[] = []
  let workedMs = 0
  let since = performance.now()
  for (const table of options.tables) {
    const compared = await settlingOf(options, table)
    const scan = scanTable({
      table,
      ...compared,
      buckets: options.buckets,
      chunkRows: options.chunkRows ?? CHUNK_ROWS,
    })
    let rows = 0
    for await (const { rows: scanned, suspects } of scan) {
      options.signal?.throwIfAborted()
      rows += scanned
      report.rows += scanned
      waiting.push(...suspects)
      while (waiting.length >= SETTLE_AT_ONCE) await settleSome(compared)
      options.onProgress?.({
        table: tableName(table.spec),
        rows,
        totalRows: report.rows,
        divergent: report.divergent,
      })
      const chunkMs = performance.now() - since
      workedMs += chunkMs
      await options.pace?.(chunkMs)
      since = performance.now()
    }
    while (waiting.length > 0) await settleSome(compared)
    workedMs += performance.now() - since
    since = performance.now()
  }
  const seconds = Math.max(workedMs / 1000, 0.001)
  return { ...report, divergences, rowsPerSecond: report.rows / seconds }

  async function settleSome(compared: SettleOptions): Promise<void> {
    const some = waiting.splice(0, SETTLE_AT_ONCE)
    const found = await settle(compared, some)
    report.divergent += found.length
    report.settled += some.length - found.length
    divergences.push(...found.slice(0, keep - divergences.length))
    for (const one of found) options.onDivergence?.(one)
  }
}

/**
 * Looks again at rows that were found divergent.
 *
 * @returns those that still are, as they differ now.
 * @throws as `verify` does.
 */
export async function stillDivergent(
  options: Pick<VerifyOptions, 'tables' | 'source' | 'target' | 'forward' | 'reverse' | 'signal'>,
  found: readonly Divergence[],
): Promise<Divergence[]> {
  const left: Divergence[] = []
  for (const table of options.tables) {
    const keys = found.filter((one) => one.table === tableName(table.spec)).map((one) => one.key)
    if (keys.length === 0) continue
    left.push(...(await settle(await settlingOf(options, table), keys)))
  }
  return left
}

/** What is needed to compare the rows of one table. */
async function settlingOf(
  options: Pick<VerifyOptions, 'source' | 'target' | 'forward' | 'reverse' | 'signal'>,
  table: ResolvedTable,
): Promise<SettleOptions> {
  const { source, target, forward, reverse, signal } = options
  const mapped = await mapBoth(source, target, table)
  const { extraction } = forward.options
  return { ...mapped, extraction, source, target, forward, reverse, signal }
}
