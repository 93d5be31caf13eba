import { setTimeout as delay } from 'node:timers/promises'
import { percentile } from '@banyan/lab'

/** Rates of two contenders, round by round, in the same unit. */
export interface Compared {
  /** Median over the rounds of ours / peer. */
  readonly ratio: number
  /** Medians. */
  readonly ours: number
  readonly peer: number
  readonly rounds: readonly {
    readonly ours: number
    readonly peer: number
    readonly ratio: number
  }[]
}

/** What ran in one round: a rate for each contender. */
export type Round<Name extends string> = Readonly<Record<Name, number>>

/**
 * Runs every contender once a round, one after the other, so that a machine whose speed wanders
 * wanders for all of them.
 *
 * @param swap every other round in the opposite order, where being first could be an advantage.
 */
export async function interleave<Name extends string>(
  rounds: number,
  contenders: Readonly<Record<Name, (round: number) => Promise<number>>>,
  swap = false,
): Promise<Round<Name>[]> {
  const all: Round<Name>[] = []
  for (let round = 1; round <= rounds; round++) {
    const names = Object.keys(contenders) as Name[]
    if (swap && round % 2 === 0) names.reverse()
    const rates: Partial<Record<Name, number>> = {}
    for (const name of names) rates[name] = await contenders[name](round)
    all.push(rates as Round<Name>)
  }
  return all
}

/** Sets one contender against another. The ratio is taken round by round, then the median of those. */
export function compare<Name extends string>(
  rounds: readonly Round<Name>[],
  ours: Name,
  peer: Name,
): Compared {
  if (rounds.length === 0) throw new RangeError('nothing was measured')
  const pairs = rounds.map((round) => ({
    ours: round[ours],
    peer: round[peer],
    ratio: round[ours] / round[peer],
  }))
  return {
    ratio: rounded(median(pairs.map((pair) => pair.ratio))),
    ours: Math.round(median(pairs.map((pair) => pair.ours))),
    peer: Math.round(median(pairs.map((pair) => pair.peer))),
    rounds: pairs.map((pair) => ({
      ours: Math.round(pair.ours),
      peer: Math.round(pair.peer),
      ratio: rounded(pair.ratio),
    })),
  }
}

/** The middle value; of an even number of them the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  if (sorted.length === 0) return Number.NaN
  return Number.isInteger(middle)
    ? (sorted[middle - 1]! + sorted[middle]!) / 2
    : sorted[Math.floor(middle)]!
}

/** How values are spread, in their own unit, to a tenth. */
export function spread(values: readonly number[]): {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
  readonly samples: number
} {
  const at = (share: number) => rounded(percentile(values, share), 1)
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1), samples: values.length }
}

export function rounded(value: number, digits = 3): number {
  return Math.round(value * 10 ** digits) / 10 ** digits
}

/** Waits until `check` says so, looking every few ms. @throws when it has not within the time, ms. */
export async function until(
  what: string,
  check: () => Promise<boolean>,
  timeoutMs: number,
  everyMs = 10,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await check())) {
    if (performance.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms in vain until ${what}`)
    await delay(everyMs)
  }
}
