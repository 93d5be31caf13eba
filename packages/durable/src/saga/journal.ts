import { setTimeout as delay } from 'node:timers/promises'
import { isOutage } from '../outage.ts'
import type { Tables } from '../tables.ts'
import type { SagaStore, SagaWrite, WrittenSagas } from './store.ts'

/**
 * `cancel`: written, and an operator wants the saga to turn round. `lost`: another runner has it, or will: what the
 * database refuses (a full disk, a server that only reads) lets the lease run out, and the attempt has failed.
 */
export type Written = 'kept' | 'cancel' | 'lost'

interface Waiting {
  readonly write: SagaWrite
  told(written: Written): void
}

/** A statement with more rows gains little, and makes the first of them wait. */
const MOST_ROWS = 500
/** Statements on their way at once: while the server writes some sagas, steps of others run; and commits share a flush. */
const AT_ONCE = 3
const RETRY_MS = 200

/**
 * Writes sagas in groups: whatever is to be written while a statement is on its way goes with the next.
 * Waits through an outage of the database; a write sent twice is the same write.
 */
export class Journal {
  readonly #tables: Tables
  readonly #store: SagaStore
  readonly #onProblem: (error: Error) => void
  #waiting: Waiting[] = []
  #writing = 0
  #gathering = false
  #giveUp = false

  /** `onProblem` is told what the database answers where it refuses a write. */
  constructor(tables: Tables, store: SagaStore, onProblem: (error: Error) => void) {
    this.#tables = tables
    this.#store = store
    this.#onProblem = onProblem
  }

  /** Never rejects. */
  write(write: SagaWrite): Promise<Written> {
    return new Promise((resolve) => this.add(write, resolve))
  }

  /** As `write`, without a promise: `told` must not throw. */
  add(write: SagaWrite, told: (written: Written) => void): void {
    this.#waiting.push({ write, told })
    this.#gather()
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
      for (const { write, told } of group) told(fateOf(written, write.id))
    } catch (error) {
      // One that the database refuses (a NUL in an answer) must not hold up the others.
      if (group.length > 1) {
        for (const each of group) await this.#write([each])
        return
      }
      this.#onProblem(error as Error)
      group[0]!.told('lost')
    }
  }

  async #send(writes: readonly SagaWrite[]): Promise<WrittenSagas> {
    for (;;) {
      try {
        return await this.#store.write(this.#tables.pool, writes)
      } catch (error) {
        if (!isOutage(error)) throw error
        if (this.#giveUp) return NONE
        await delay(RETRY_MS)
      }
    }
  }
}

const NONE: WrittenSagas = { only: new Set(), cancelling: null }

function fateOf({ only, cancelling }: WrittenSagas, id: string): Written {
  if (only?.has(id) === false) return 'lost'
  return cancelling?.has(id) ? 'cancel' : 'kept'
}
