import type { ResolvedTable } from './mapping.ts'
import type { StreamName } from './side.ts'

export interface LinkOptions {
  readonly extraction: string
  readonly stream: StreamName
  /** The database whose changes are read. */
  readonly fromUrl: string
  /** The database they are written to. */
  readonly toUrl: string
  readonly tables: readonly ResolvedTable[]
  /** Token of this engine; a higher one on `to` ends this link. */
  readonly token: bigint
  onProblem(problem: LinkProblem): void
  /** What `serverIdentity` must tell of both databases; not looked at when left out. */
  readonly servers?: { readonly from: string; readonly to: string }
  /** Interval of heartbeats, ms; 500 by default. They measure the lag, move idle slots on and look for DDL. */
  readonly heartbeatMs?: number
}

export interface LinkProblem {
  readonly kind:
    | 'ddl'
    | 'slot-lost'
    | 'server-changed'
    | 'truncate'
    | 'refused-rows'
    | 'stale-token'
    | 'apply-error'
    | 'missing-row'
    | 'bad-data'
  readonly message: string
  /** Nothing is applied after a fatal problem. */
  readonly fatal: boolean
}

export interface LinkStatus {
  readonly state: 'idle' | 'streaming' | 'reconnecting' | 'broken'
  /** From a heartbeat's emission to its commit on the other side, ms; grows while none arrives. */
  readonly lagMs: number | null
  readonly lagBytes: number
  /** LSN of `from` up to which everything is committed on `to`. */
  readonly position: string
  readonly transactions: number
  readonly rows: number
  readonly refusedRows: number
  /** `wal_status` of the slot. */
  readonly walStatus: string | null
  /** Log that the server of `from` keeps for the slot, bytes. */
  readonly keptBytes: number
  /** The oldest transaction, of those open for more than 5 s, that it is kept for; in words. */
  readonly keptFor: string | null
  /** The latest measured lags, oldest first. */
  readonly recentLagMs: readonly number[]
}

export interface CopyOptions {
  /** Rows a chunk at most; 20,000 by default. Wide rows make smaller chunks. */
  readonly chunkRows?: number
  readonly signal?: AbortSignal
  /** Rows/s over all tables at most, asked again and again; Infinity: no limit, 0: stands still. */
  limit?(): number
  onProgress?(progress: CopyProgress): void
}

export interface CopyProgress {
  readonly table: string
  /** Rows of this table that are committed on the target. */
  readonly rows: number
  /** From a sample of its pages. */
  readonly estimatedRows: number
  readonly tablesDone: number
  readonly tables: number
  readonly totalRows: number
  readonly totalEstimatedRows: number
  /** Rows/s since this call began. */
  readonly rowsPerSecond: number
  /** Expected time to the end, ms; null before anything is known. */
  readonly etaMs: number | null
}

export interface CopyReport {
  readonly rows: number
  readonly chunks: number
  /** Chunks read again because a change was decoded before it was visible. */
  readonly retaken: number
  readonly ms: number
}
