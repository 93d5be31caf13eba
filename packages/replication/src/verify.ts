import { setTimeout as delay } from 'node:timers/promises'
import type { BucketSet } from '@banyan/contracts'
import type { Pool } from '@banyan/postgres'
import type { Link } from './link.ts'
import { mapTable } from './mapped-rows.ts'
import type { ResolvedTable } from './mapping.ts'
import { scanTable } from './scan.ts'
import { settle } from './settle.ts'

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
  readonly signal?: AbortSignal
  /** Throttle, rows/s. */
  readonly rowsPerSecond?: number
  onProgress?(progress: VerifyProgress): void
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
  /** Seen from the owner's side: the other side lacks it, has it in excess, or holds other values. */
  readonly kind: 'missing' | 'extra' | 'changed'
  /** Target columns that differ, for `changed`. */
  readonly columns: readonly string[]
}

export interface VerifyReport {
  readonly rows: number
  readonly divergent: number
  /** The first 100. */
  readonly divergences: readonly Divergence[]
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
  const began = performance.now()
  const report = { rows: 0, divergent: 0, settled: 0 }
  const divergences: Divergence[] = []
  for (const table of options.tables) {
    const [onSource, onTarget] = await Promise.all([
      mapTable(options.source, table, 'source'),
      mapTable(options.target, table, 'target'),
    ])
    const scan = scanTable({
      table,
      source: options.source,
      target: options.target,
      onSource,
      onTarget,
      buckets: options.buckets,
      chunkRows: options.chunkRows ?? CHUNK_ROWS,
    })
    let rows = 0
    for await (const { rows: scanned, suspects } of scan) {
      options.signal?.throwIfAborted()
      rows += scanned
      report.rows += scanned
      for (let i = 0; i < suspects.length; i += SETTLE_AT_ONCE) {
        const some = suspects.slice(i, i + SETTLE_AT_ONCE)
        const found = await settle(
          {
            extraction: options.forward.options.extraction,
            source: options.source,
            target: options.target,
            forward: options.forward,
            reverse: options.reverse,
            onSource,
            onTarget,
            signal: options.signal,
          },
          some,
        )
        report.divergent += found.length
        report.settled += some.length - found.length
        divergences.push(...found.slice(0, KEPT_DIVERGENCES - divergences.length))
      }
      options.onProgress?.({
        table: table.spec.source,
        rows,
        totalRows: report.rows,
        divergent: report.divergent,
      })
      await throttle(options, report.rows, began)
    }
  }
  const seconds = (performance.now() - began) / 1000
  return { ...report, divergences, rowsPerSecond: report.rows / Math.max(seconds, 0.001) }
}

async function throttle(options: VerifyOptions, rows: number, began: number): Promise<void> {
  if (options.rowsPerSecond === undefined) return
  const wait = began + (rows / options.rowsPerSecond) * 1000 - performance.now()
  if (wait > 0) await delay(wait, undefined, options.signal ? { signal: options.signal } : {})
}
