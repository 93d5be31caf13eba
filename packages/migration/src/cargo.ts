import { BUCKETS, type BucketSet } from '@banyan/contracts'
import type { SideName } from '@banyan/replication'
import type { ExtractionStatus, HandoverRecord, Phase } from './status.ts'
import type { ExtractionRow } from './store.ts'

/** How far a part of the work is: done, with what the ledger is told of it, or what it waits for. */
export type Progress =
  | { readonly done: Record<string, unknown> }
  | { readonly waitsFor: readonly string[] }

/** What a cargo tells for the status; the rest is told alike of every extraction. */
export type CargoFigures = Pick<
  ExtractionStatus,
  'at' | 'percent' | 'copy' | 'streams' | 'lagMs' | 'verify' | 'index' | 'refusals' | 'objects'
> & { readonly losesOnRollback: readonly string[] }

/** The target's share of the buckets, in percent, to one decimal. */
export function percentOf(owned: BucketSet): number {
  return Math.round((owned.size / BUCKETS) * 1000) / 10
}

/**
 * What moves with an extraction's requests: rows, an index, or nothing. The phases are the same for all of
 * them, and so are the gates; a cargo says what copying and verifying mean, and how buckets change hands.
 */
export interface Cargo {
  /** The buckets the target owns. */
  readonly owned: BucketSet
  /** How often a handover may be aborted before the extraction pauses. */
  readonly attempts: number

  /**
   * Takes it into this engine's hands, or goes on with it. Rejects when it must be taken up anew.
   *
   * @returns null once it can be worked with; else what that waits for.
   */
  take(row: ExtractionRow, signal: AbortSignal): Promise<readonly string[] | null>
  /** What goes on beside the phases. @returns whether they may go on too. */
  tick(row: ExtractionRow): Promise<boolean>
  /** `copying`: makes the target hold what the source does. */
  fill(row: ExtractionRow): Promise<Progress>
  /** `verifying`: whether it does. */
  check(row: ExtractionRow): Promise<Progress>
  /** What a phase with gates waits for beside them. */
  owes(phase: Phase): readonly string[]
  /** One attempt to give buckets from one side to the other. */
  handOver(buckets: BucketSet, from: SideName, attempt: number): Promise<HandoverRecord>
  /** Of everything that follows the owner, ms; null where unknown. */
  lags(): readonly (number | null)[]
  /** Whether the other side is so little behind that a difference which the shadow finds is not for that. */
  inStep(): boolean
  /** Rows that differ, as far as is known; null where there are none, or none were compared. */
  readonly divergent: number | null
  /** Ends it for good: what is ours is taken away. Safe to run again from any point. */
  finish(ending: 'completing' | 'cancelling'): Promise<void>
  /** Lets go of everything; `take` begins again. */
  rest(): Promise<void>
  figures(before: ExtractionStatus): Promise<CargoFigures>
}
