import type { Tables } from './tables.ts'
import type { Topic } from './waker.ts'

/**
 * In SQL, of one topic: ms until there is something to do, null when nothing is known of. `value` puts a value among
 * the parameters.
 */
export type DueSql = (value: (given: unknown) => string) => string

export interface Watch {
  readonly topic: Topic
  readonly due: DueSql
  /** Looked at for the first time after so long, ms, and then again and again. */
  readonly pollMs: number
  /** Looks at once, too: for one who may know that something is due before `pollMs` have passed. */
  readonly atOnce: boolean
  /**
   * Something is due, or it cannot be known; or there is a runner of the topic that is `awake`, as far as writers know,
   * which they do not notify then.
   */
  readonly found: (awake: boolean) => void
}

interface Watching {
  readonly watch: Watch
  /** `performance.now()` of the next look. */
  at: number
  /** Until what a look said to become due. */
  timer: NodeJS.Timeout | undefined
}

interface Seen {
  readonly due: readonly (number | null)[]
  /** Topics of which writers are told that a runner is awake. */
  readonly awake: readonly Topic[]
}

/**
 * Looks at the tables for all runners of a process that rest, in one statement that changes nothing: a runner itself
 * begins a round only where there is something to do. Looks fall together, since whoever has waited for half of his
 * `pollMs` is looked for along with the others.
 */
export class Lookout {
  readonly #tables: Tables
  readonly #watching = new Set<Watching>()
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #looking = false

  constructor(tables: Tables) {
    this.#tables = tables
  }

  /** @returns what ends it. */
  watch(watch: Watch): () => void {
    const at = performance.now() + (watch.atOnce ? 0 : watch.pollMs)
    const watching: Watching = { watch, at, timer: undefined }
    this.#watching.add(watching)
    this.#plan()
    return () => {
      clearTimeout(watching.timer)
      this.#watching.delete(watching)
      if (this.#watching.size === 0) this.#unplan()
    }
  }

  #plan(): void {
    let at = Number.POSITIVE_INFINITY
    for (const watching of this.#watching) at = Math.min(at, watching.at)
    if (at >= this.#timerAt || at === Number.POSITIVE_INFINITY) return
    this.#unplan()
    this.#timerAt = at
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Number.POSITIVE_INFINITY
        void this.#look()
      },
      Math.max(0, Math.ceil(at - performance.now())),
    )
  }

  #unplan(): void {
    clearTimeout(this.#timer)
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  async #look(): Promise<void> {
    const now = performance.now()
    const soon = [...this.#watching].filter(({ at, watch }) => at - now <= watch.pollMs / 2)
    for (const watching of soon) watching.at = now + watching.watch.pollMs
    this.#plan()
    if (soon.length === 0) return
    const all = (of: readonly Watching[]) => {
      for (const watching of of) if (this.#watching.has(watching)) watching.watch.found(false)
    }
    // The one before is not answered: each looks for himself, over a connection of his own.
    if (this.#looking) return all(soon)
    this.#looking = true
    try {
      const { due, awake } = await this.#ask(soon.map(({ watch }) => watch))
      soon.forEach((watching, i) => {
        if (!this.#watching.has(watching)) return
        if (awake.includes(watching.watch.topic)) watching.watch.found(true)
        else this.#foundDue(watching, due[i] ?? null)
      })
    } catch {
      // Each finds out by himself, and says so.
      all(soon)
    } finally {
      this.#looking = false
    }
  }

  #foundDue(watching: Watching, dueMs: number | null): void {
    const { found, pollMs } = watching.watch
    clearTimeout(watching.timer)
    if (dueMs === null || dueMs > pollMs) return
    if (dueMs <= 0) found(false)
    // A timer may be a millisecond early, and the tables would say that nothing is due.
    else watching.timer = setTimeout(() => found(false), Math.ceil(dueMs) + 1)
  }

  async #ask(watches: readonly Watch[]): Promise<Seen> {
    const values: unknown[] = []
    const value = (given: unknown) => `$${values.push(given)}`
    const due = watches.map(({ due }) => `(${due(value)})::float8`)
    const { rows } = await this.#tables.pool.query<Seen>(
      `SELECT ARRAY[${due.join(', ')}]::float8[] AS due,
         ARRAY(SELECT topic FROM ${this.#tables.prefix}sleeper WHERE NOT asleep) AS awake`,
      values,
    )
    return rows[0]!
  }
}
