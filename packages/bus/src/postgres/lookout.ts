import type { Pool } from '@banyan/postgres'
import type { Statements } from './statements.ts'

/** Without a notification (one is lost when its connection breaks) the table is looked at this often, ms. */
const POLL_MS = 1_000

/** Looks for all subscriptions of a process, in one statement, whether messages of their groups stand in the table. */
export class Lookout {
  readonly #pool: Pool
  readonly #sql: Statements
  readonly #pollMs: number
  readonly #watching = new Set<{ readonly group: number; readonly found: () => void }>()
  #timer: NodeJS.Timeout | undefined
  #looking = false

  constructor(pool: Pool, sql: Statements, pollMs = POLL_MS) {
    this.#pool = pool
    this.#sql = sql
    this.#pollMs = pollMs
  }

  /** Calls `found` when there may be messages of the group. @returns what ends it. */
  watch(group: number, found: () => void): () => void {
    const one = { group, found }
    this.#watching.add(one)
    this.#timer ??= setInterval(() => void this.#look(), this.#pollMs)
    return () => {
      this.#watching.delete(one)
      if (this.#watching.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  async #look(): Promise<void> {
    // The one before is not answered: each reads over a connection of its own.
    if (this.#looking) return this.#tell()
    this.#looking = true
    try {
      const groups = new Set([...this.#watching].map(({ group }) => group))
      const { rows } = await this.#pool.query<{ group: number }>(this.#sql.look, [[...groups]])
      this.#tell(new Set(rows.map(({ group }) => group)))
    } catch {
      // Each finds out by itself, and tries again.
      this.#tell()
    } finally {
      this.#looking = false
    }
  }

  #tell(groups?: ReadonlySet<number>): void {
    for (const { group, found } of [...this.#watching]) if (groups?.has(group) ?? true) found()
  }
}
