import type { Samples } from './samples.ts'
import type { Stock } from './stock.ts'
import type { StreamName } from './traffic.ts'
import type { User } from './users.ts'

/** What the load process is given, as a file of JSON. */
export interface LoadSetting {
  /** Base URL of the gateway. */
  readonly url: string
  readonly seed: number
  /** Requests a second. */
  readonly rates: Readonly<Partial<Record<StreamName, number>>>
  /** Of the same load before, which count for nothing, s. */
  readonly warmupSeconds: number
  readonly seconds: number
  readonly users: readonly User[]
  readonly stock: Stock
  /** Of parts lists that are read. */
  readonly lists: { readonly count: number; readonly seed: number }
  /** One in so many MOCs that are created is looked for until search finds it; 0: none. */
  readonly followEvery: number
  readonly run: string
  /** Where the result is written. */
  readonly out: string
}

/** Moments are ms after the first request that counts was due; negative before. */
export interface LoadResult {
  /** When that was, ms since the epoch. */
  readonly countedFrom: number
  readonly samples: Readonly<Record<string, Samples>>
  readonly failures: Readonly<Record<string, number>>
  /** How long after they were due requests were sent, ms: the generator's own delay, which counts. */
  readonly lateMs: readonly number[]
  /** From the answer to a creation until another user's search found it, ms. */
  readonly indexLagMs: readonly number[]
  /** Of those that were looked for, how many were not found within 30 s. */
  readonly neverFound: number
  /** CPU time of the generator, ms. */
  readonly cpuMs: number
  readonly stock: Stock
}
