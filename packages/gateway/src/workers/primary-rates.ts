import type { Claim, Counted, RateCounter } from '../limits/rate-counter.ts'
import type { ToPrimary } from './messages.ts'

/** A request waits no longer than this for the primary, ms: then its worker judges by itself. */
export const ANSWER_MS = 100

interface Waiting {
  readonly claims: readonly Claim[]
  readonly resolve: (counted: Counted[]) => void
  readonly reject: (error: Error) => void
}

/**
 * Counts in the primary, for all workers of one gateway. The claims of one turn of the event loop go together: the busier
 * the worker, the less a claim costs.
 */
export class PrimaryRates implements RateCounter {
  readonly #send: (message: ToPrimary) => void
  readonly #answerMs: number
  readonly #asked = new Map<number, { batch: readonly Waiting[]; timer: NodeJS.Timeout }>()
  #batch: Waiting[] = []
  #lastId = 0
  #away = false
  #workers = 1

  constructor(send: (message: ToPrimary) => void, answerMs: number) {
    this.#send = send
    this.#answerMs = answerMs
  }

  get gateways(): number {
    return this.#workers
  }

  get away(): boolean {
    return this.#away
  }

  async open(): Promise<void> {}

  take(claims: readonly Claim[]): Promise<Counted[]> {
    return new Promise((resolve, reject) => {
      this.#batch.push({ claims, resolve, reject })
      if (this.#batch.length === 1) setImmediate(() => this.#ask())
    })
  }

  /** The primary answers. */
  counted(id: number, counted: readonly (readonly Counted[])[], workers: number): void {
    this.#workers = workers
    this.#away = false
    const asked = this.#asked.get(id)
    if (!asked) return
    this.#forget(id)
    for (const [i, { resolve }] of asked.batch.entries()) resolve([...counted[i]!])
  }

  async close(): Promise<void> {
    for (const id of [...this.#asked.keys()]) this.#giveUp(id)
  }

  #ask(): void {
    const batch = this.#batch
    this.#batch = []
    const id = ++this.#lastId
    const timer = setTimeout(() => {
      this.#away = true
      this.#giveUp(id)
    }, this.#answerMs)
    this.#asked.set(id, { batch, timer })
    this.#send({ kind: 'count', id, claims: batch.map(({ claims }) => claims) })
  }

  #giveUp(id: number): void {
    const { batch } = this.#asked.get(id)!
    this.#forget(id)
    for (const { reject } of batch) {
      reject(new Error(`no answer from the primary within ${this.#answerMs} ms`))
    }
  }

  #forget(id: number): void {
    clearTimeout(this.#asked.get(id)!.timer)
    this.#asked.delete(id)
  }
}
