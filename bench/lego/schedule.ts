import { Random } from '@banyan/lab'

/** A request that is due, whatever became of those before it. */
export interface Due {
  /** After the beginning, ms. */
  readonly atMs: number
  readonly stream: string
}

/**
 * When requests are due, in order: of each stream exactly `rate` times `seconds`, each at a moment of its own, as
 * many users who know nothing of each other would come (a Poisson process of which the number is known).
 *
 * @param rates requests a second, by stream
 */
export function scheduleOf(
  rates: Readonly<Record<string, number>>,
  seconds: number,
  seed: number,
): readonly Due[] {
  const all = Object.entries(rates).flatMap(([stream, rate]) => {
    const random = new Random(`${seed}/${stream}`)
    const count = Math.round(rate * seconds)
    return Array.from({ length: count }, () => ({ atMs: random.next() * seconds * 1000, stream }))
  })
  return all.sort((a, b) => a.atMs - b.atMs)
}
