import { setTimeout as delay } from 'node:timers/promises'
import { isOutage } from '../outage.ts'
import type { Tables } from '../tables.ts'
import type { SagaStore, SagaWrite } from './store.ts'

/** `cancel`: written, and an operator wants the saga to turn round. `lost`: another runner has it. */
export type Written = 'kept' | 'cancel' | 'lost'

interface Waiting {
  readonly write: SagaWrite
  resolve(written: Written): void
  reject(error: unknown): void
}

/** A statement with more rows gains little, and makes the first of them wait. */
const MOST_ROWS = 250
/** Statements on their way at once: while the server writes some sagas, steps of others run; and commits share a flush. */
const AT_ONCE = 4
const RETRY_MS = 200

/**
 * Writes sagas in groups: whatever is to be written while a statement is on its way goes with the next.
 * Waits through an outage of the database; a write sent twice is the same write.
 */
export class Journal {
  readonly #tables: Tables
  readonly #store: SagaStore
  #waiting: Waiting[] = []
  #writing = 0
  #gathering = false
  #giveUp = false

  constructor(tables: Tables, store: SagaStore) {
    this.#tables = tables
    this.#store = store
  }

  /** @throws what the database answers, where it refuses this write. */
  write(write: SagaWrite): Promise<Written> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, resolve, reject })
      this.#gather()
    })
  }

  /** No longer waits for a database that is away: what is not written then is `lost`. */
  giveUp(): void {
    this.#giveUp = true
  }

  #gather(): void {
    if (this.#gathering || this.#writing === AT_ONCE) return
    this.#gathering = true
    // Whoever goes on in this turn of the loop belongs to the group.
    setImmediate(() => {
      this.#gathering = false
      while (this.#waiting.length > 0 && this.#writing < AT_ONCE) {
        this.#writing++
        void this.#write(this.#waiting.splice(0, MOST_ROWS)).finally(() => {
          this.#writing--
          this.#gather()
        })
      }
    })
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    try {
      const written = await this.#send(group.map((each) => each.write))
      for (const each of group) {
        const cancelling = written.get(each.write.id)
        each.resolve(cancelling === undefined ? 'lost' : cancelling ? 'cancel' : 'kept')
      }
    } catch (error) {
      // One that the database refuses (a NUL in an answer) must not hold up the others.
      if (group.length === 1) group[0]!.reject(error)
      else for (const each of group) await this.#write([each])
    }
  }

  async #send(writes: readonly SagaWrite[]): Promise<Map<string, boolean>> {
    for (;;) {
      try {
        return await this.#store.write(this.#tables.pool, writes)
      } catch (error) {
        if (!isOutage(error)) throw error
        if (this.#giveUp) return new Map()
        await delay(RETRY_MS)
      }
    }
  }
}
