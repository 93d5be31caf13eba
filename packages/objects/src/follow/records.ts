import type { BucketSet } from '@banyan/contracts'
import type { SideName } from './side.ts'

/** What is remembered of an object that was seen on its owner's side: it outlives whoever copies. */
export interface ObjectRecord {
  readonly key: string
  /** Of its owner; see `bucketOf` of @banyan/contracts. */
  readonly bucket: number
  /** Bytes, and SHA-256 in hex, of what is the same on both sides; null while nothing is. */
  readonly size: number
  readonly sha256: string | null
  /** Of each side when it was made so; null where that is not known: then it is copied. */
  readonly versions: Readonly<Record<SideName, string | null>>
  readonly problem: ObjectProblem | null
}

export interface ObjectProblem {
  /** `missing`: its owner's side lists it, and has no content; `refused`: a side will not give or take it. */
  readonly kind: 'missing' | 'refused'
  readonly why: string
  readonly at: Date
}

export interface RecordTotals {
  /** In step on both sides when last looked at. */
  readonly objects: number
  readonly bytes: number
  readonly problems: number
}

/** Where records are kept. */
export interface ObjectRecords {
  /** Of these buckets, in the order of the keys' bytes, from the first one after `after`; `''` for all. */
  list(after: string, of: BucketSet): AsyncIterable<ObjectRecord>
  /** @throws where another has taken over since */
  keep(record: ObjectRecord): Promise<void>
  /** @throws where another has taken over since */
  forget(key: string): Promise<void>
  totals(): Promise<RecordTotals>
  /** Those with a problem, by key. */
  problems(limit: number): Promise<readonly ObjectRecord[]>
}
