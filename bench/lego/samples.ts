import { percentile } from '@banyan/lab'
import { rounded } from '../statistics.ts'

/** Requests of one kind: when each was due, and how long after that it was answered; side by side, ms. */
export interface Samples {
  readonly dueMs: number[]
  readonly tookMs: number[]
}

/** ms. */
export interface Summary {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
  readonly samples: number
}

/** Counts answers by kind. */
export class Recorder {
  readonly samples: Record<string, Samples> = {}
  /** Requests that were answered otherwise than they should be, or not at all, by kind and status. */
  readonly failures: Record<string, number> = {}

  /**
   * @param failure what it was answered instead: then it counts as one that took `failedMs`, since what is
   *   refused at once must not make the others look quick
   */
  add(kind: string, dueMs: number, tookMs: number, failure?: string, failedMs = 0): void {
    this.samples[kind] ??= { dueMs: [], tookMs: [] }
    const of = this.samples[kind]
    of.dueMs.push(rounded(dueMs, 1))
    of.tookMs.push(rounded(failure === undefined ? tookMs : Math.max(tookMs, failedMs), 2))
    if (failure === undefined) return
    const name = `${kind} ${failure}`
    this.failures[name] = (this.failures[name] ?? 0) + 1
  }
}

/** Those of some kinds that were due from the one moment to the other, ms. */
export function tookOf(
  samples: Readonly<Record<string, Samples>>,
  kinds: (kind: string) => boolean,
  fromMs = 0,
  untilMs = Number.POSITIVE_INFINITY,
): number[] {
  const all: number[] = []
  for (const [kind, { dueMs, tookMs }] of Object.entries(samples)) {
    if (!kinds(kind)) continue
    for (const [i, due] of dueMs.entries()) {
      if (due >= fromMs && due < untilMs) all.push(tookMs[i]!)
    }
  }
  return all
}

export function summaryOf(values: readonly number[]): Summary {
  const at = (share: number) =>
    values.length === 0 ? Number.NaN : rounded(percentile(values, share), 1)
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1), samples: values.length }
}
