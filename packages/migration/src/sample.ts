/** Figures over time, for charts. Runs in the engine and in browsers: nothing of Node here. */
import type { ExtractionStatus, RecentTraffic } from './status.ts'

export interface Sample {
  /** When an engine measured it, ms since 1970. */
  readonly at: number
  /** Null where nothing is asked at the time. */
  readonly source: RecentTraffic | null
  readonly target: RecentTraffic | null
  /** ms; null where the stream does not run. */
  readonly forwardLagMs: number | null
  readonly reverseLagMs: number | null
  readonly divergent: number
  /** Of the buckets, at the target. */
  readonly percent: number
}

/** A quarter of an hour of them is kept. */
export const SAMPLE_MS = 2_000
const MOST_SAMPLES = 450

/** Adds what a status tells, where it is time for the next one and it is newer than what is known. */
export function withSample(known: readonly Sample[], status: ExtractionStatus): readonly Sample[] {
  if (status.at === null) return known
  const at = Date.parse(status.at)
  const last = known.at(-1)
  // Engines measure every half second: what comes a moment before its time is taken.
  if (last && at - last.at < SAMPLE_MS - 250) return known
  const { traffic, streams, verify, percent } = status
  const sample: Sample = {
    at,
    source: traffic.source.recent ?? null,
    target: traffic.target.recent ?? null,
    forwardLagMs: streams.forward.lagMs,
    reverseLagMs: streams.reverse.lagMs,
    divergent: verify.divergent,
    percent,
  }
  return [...known.slice(1 - MOST_SAMPLES), sample]
}
