/** A transaction of jobs should take about so long, ms: the next ones wait as long for a fault in them. */
const LONG_MS = 500
const SHORT_MS = 125
const FIRST = 250

/** How many jobs go into one transaction: many that are quick, few that are slow. */
export class GroupSize {
  readonly #most: number
  #size: number

  constructor(most: number) {
    this.#most = most
    this.#size = Math.min(most, FIRST)
  }

  get size(): number {
    return this.#size
  }

  /** A group of so many jobs took so long. */
  took(count: number, ms: number): void {
    if (ms > LONG_MS) this.#size = Math.max(1, Math.floor(this.#size / 2))
    // One that was not full says nothing of a larger one.
    else if (ms < SHORT_MS && count >= this.#size) this.#size = Math.min(this.#most, this.#size * 2)
  }
}
