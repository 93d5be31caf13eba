interface Waiting<T> {
  readonly item: T
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** The work of a batch takes about this long at most, ms: others wait for the locks of its transaction. */
const TARGET_MS = 50

/**
 * Gathers what is given one by one into batches: what comes while others are worked on goes together.
 * A batch is as large as can be done in `TARGET_MS`, so that quick work shares its commits and slow
 * work goes one by one.
 */
export class Gathered<T> {
  readonly #work: (batch: readonly T[]) => Promise<number>
  readonly #atOnce: number
  readonly #largest: number
  readonly #restMs: number
  readonly #waiting: Waiting<T>[] = []
  #running = 0
  #beginning = false
  #resting = false
  /** What the work on one item takes, ms, as it was lately. */
  #itemMs = 1

  /**
   * @param atOnce batches at once
   * @param largest items in a batch at most
   * @param work answers how long, ms, it worked on the items: without what a batch costs by itself, or
   *   on a busy server batches of one would be what keeps batches small
   * @param restMs after the begin of a batch that took all there was, for others to come together, unless they are
   *   `largest`; who comes after a longer pause waits for nothing
   */
  constructor(
    atOnce: number,
    largest: number,
    work: (batch: readonly T[]) => Promise<number>,
    restMs = 0,
  ) {
    this.#work = work
    this.#atOnce = atOnce
    this.#largest = largest
    this.#restMs = restMs
  }

  /** Resolves when its batch is done. @throws what the batch threw. */
  add(item: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#soon()
    })
  }

  /** Whoever comes in this turn of the loop, as all of one read do, belongs to the batch. */
  #soon(): void {
    if (this.#beginning) return
    this.#beginning = true
    setImmediate(() => {
      this.#beginning = false
      this.#begin()
    })
  }

  #begin(): void {
    while (this.#running < this.#atOnce && this.#waiting.length > 0) {
      if (this.#resting && this.#waiting.length < this.#largest) return
      const size = Math.max(1, Math.min(this.#largest, Math.floor(TARGET_MS / this.#itemMs)))
      void this.#run(this.#waiting.splice(0, size))
      if (this.#waiting.length === 0) this.#rest()
    }
  }

  #rest(): void {
    if (this.#restMs === 0 || this.#resting) return
    this.#resting = true
    setTimeout(() => {
      this.#resting = false
      this.#begin()
    }, this.#restMs)
  }

  async #run(batch: readonly Waiting<T>[]): Promise<void> {
    this.#running++
    try {
      const ms = await this.#work(batch.map(({ item }) => item))
      this.#itemMs = 0.8 * this.#itemMs + (0.2 * ms) / batch.length
      for (const { resolve } of batch) resolve()
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    this.#running--
    this.#soon()
  }
}
