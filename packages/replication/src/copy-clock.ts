/** What a copy had done at one moment. */
interface Moment {
  readonly at: number
  readonly rows: number
  readonly work: number
  readonly waitedMs: number
}

/** Only the latest so many ms count: load and throttles change. */
const WINDOW_MS = 20_000
/** Waiting for less than this share of the time, the throttle is not what makes it last. */
const THROTTLED = 0.1

/**
 * Says how long a copy will still take. Two clocks run: of the throttle, which counts rows, and of the
 * machines, which count work (a row costs by its width); the slower one tells.
 */
export class CopyClock {
  readonly #moments: Moment[]
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#moments = [{ at: now(), rows: 0, work: 0, waitedMs: 0 }]
  }

  /**
   * @param rows done since the begin, without those the throttle has not made up for yet.
   * @param work done since the begin, in any unit that is proportional to the time it takes.
   * @param waitedMs spent waiting for the throttle since the begin.
   */
  tick(rows: number, work: number, waitedMs: number): void {
    const at = this.#now()
    this.#moments.push({ at, rows, work, waitedMs })
    while (this.#moments.length > 2 && at - this.#moments[1]!.at > WINDOW_MS) this.#moments.shift()
  }

  /** @param rows to be done, with those the throttle has not made up for yet. @returns ms; null before anything is known. */
  left(rows: number, work: number): number | null {
    const [first, last] = [this.#moments[0]!, this.#moments.at(-1)!]
    const done = { rows: last.rows - first.rows, work: last.work - first.work }
    if (done.rows <= 0 || done.work <= 0) return null
    const passedMs = last.at - first.at
    const waitedMs = Math.min(passedMs, last.waitedMs - first.waitedMs)
    const throttled = waitedMs > THROTTLED * passedMs ? (rows * passedMs) / done.rows : 0
    return Math.max(throttled, (work * (passedMs - waitedMs)) / done.work)
  }
}
