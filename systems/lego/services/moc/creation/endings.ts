import { setTimeout as delay } from 'node:timers/promises'
import { and, inArray, ne } from 'drizzle-orm'
import type { Db } from '../fail.ts'
import { creations } from '../schema.ts'

const LOOK_AGAIN_MS = 50

interface Waiting {
  readonly mocId: string
  readonly ended: () => void
  readonly failed: (error: unknown) => void
}

/**
 * Tells those who wait for a creation that it has ended. One look at the database for all of them, however many
 * they are: a hundred who looked for themselves would keep it busier than their files do.
 */
export class Endings {
  readonly #db: Db
  readonly #waiting = new Set<Waiting>()
  #looking = false

  constructor(db: Db) {
    this.#db = db
  }

  /** Resolves when the creation has ended, or after so long, ms. @throws what the database says */
  async wait(mocId: string, ms: number): Promise<void> {
    let waiting: Waiting | undefined
    const late = new AbortController()
    const ended = new Promise<void>((resolve, reject) => {
      waiting = { mocId, ended: resolve, failed: reject }
      this.#waiting.add(waiting)
    })
    if (!this.#looking) void this.#look()
    try {
      await Promise.race([ended, delay(ms, undefined, { signal: late.signal })])
    } finally {
      late.abort()
      this.#waiting.delete(waiting!)
    }
  }

  async #look(): Promise<void> {
    this.#looking = true
    while (this.#waiting.size > 0) {
      await delay(LOOK_AGAIN_MS)
      const asked = [...this.#waiting]
      try {
        const rows = await this.#db
          .select({ mocId: creations.mocId })
          .from(creations)
          .where(
            and(
              inArray(creations.mocId, [...new Set(asked.map(({ mocId }) => mocId))]),
              ne(creations.status, 'creating'),
            ),
          )
        const over = new Set(rows.map(({ mocId }) => mocId))
        for (const one of asked) if (over.has(one.mocId)) one.ended()
      } catch (error) {
        for (const one of asked) one.failed(error)
      }
    }
    this.#looking = false
  }
}
