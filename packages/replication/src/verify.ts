import type { BucketSet } from '@banyan/contracts'
import type { Pool } from '@banyan/postgres'
import type { Link } from './link.ts'
import type { ResolvedTable } from './mapping.ts'

export interface VerifyOptions {
  readonly tables: readonly ResolvedTable[]
  readonly extraction: string
  readonly source: Pool
  readonly target: Pool
  readonly forward: Link
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
  readonly rows: number
  readonly totalRows: number
  readonly divergent: number
}

/** A row that truly differs, though replication has caught up with it. */
export interface Divergence {
  readonly table: string
  /** Values of the key, as text. */
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

/** Compares the rows of both sides while they change. */
export async function verify(_options: VerifyOptions): Promise<VerifyReport> {
  throw new Error('not yet')
}

export interface BucketCheck {
  readonly outcome: 'equal' | 'different' | 'timeout'
  readonly rows: number
  /** Source names of the tables that differ. */
  readonly tables: readonly string[]
  readonly ms: number
}

/** Compares the rows of buckets that stand still, exactly, within `deadlineMs`. */
export async function verifyBuckets(_options: {
  readonly tables: readonly ResolvedTable[]
  readonly source: Pool
  readonly target: Pool
  readonly buckets: BucketSet
  readonly deadlineMs: number
}): Promise<BucketCheck> {
  throw new Error('not yet')
}

/** Copies one row from its owner's side over the other side's, whatever that holds. */
export async function repairRow(_options: {
  readonly extraction: string
  readonly table: ResolvedTable
  /** Values of the key, as text, in the order of `table.source.key`. */
  readonly key: readonly string[]
  readonly source: Pool
  readonly target: Pool
  readonly token: bigint
}): Promise<'written' | 'deleted' | 'equal'> {
  throw new Error('not yet')
}
