import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '@banyan/lab'
import type { TrialPair } from './pair.ts'
import { insertRow, isRow, over, TABLES, type TrialTable } from './tables.ts'

export interface WriteCounts {
  /** Acknowledged, each in a transaction of its own. */
  acknowledged: number
  /** Refused by a guard, and then sent to the new owner. */
  refused: number
}

const CLIENTS = 12
/** Inserted rows beyond so many are deleted again, so that tables keep their size. */
const INSERTED = 300
/** What a handover answers to a write that comes at the wrong moment. */
const AGAIN = new Set(['BN001', '40001', '40P01'])

/** Whether the application writes this row; the others only faults touch. */
export const isHot = (n: number) => n % 2 === 1

/** An application that writes at a steady rate, each row where its owner is. */
export class Writers {
  readonly counts: WriteCounts = { acknowledged: 0, refused: 0 }
  readonly #pair: TrialPair
  readonly #rate: number
  readonly #tables = TABLES.flatMap((table) =>
    Array.from({ length: Math.ceil(table.rows / 2000) }, () => table),
  )
  #going = true
  #began = 0
  #ended = 0
  #clients: Promise<void>[] = []

  constructor(pair: TrialPair, rate: number) {
    this.#pair = pair
    this.#rate = rate
  }

  start(random: Random): void {
    this.#began = performance.now()
    this.#clients = Array.from({ length: CLIENTS }, (_, i) =>
      this.#client(i, random.fork(`writer ${i}`)),
    )
    for (const client of this.#clients) client.catch(() => {})
  }

  /** Writes/s acknowledged since the start. */
  get writesPerSecond(): number {
    const end = this.#ended || performance.now()
    return (this.counts.acknowledged * 1000) / Math.max(1, end - this.#began)
  }

  /** Rejects when a client failed with something that is no handover's doing. */
  async failed(): Promise<never> {
    await Promise.all(this.#clients)
    return new Promise(() => {})
  }

  async stop(): Promise<void> {
    this.#going = false
    await Promise.all(this.#clients)
    this.#ended = performance.now()
  }

  async #client(index: number, random: Random): Promise<void> {
    const inserted = new Map<TrialTable, number[]>(TABLES.map((table) => [table, []]))
    let fresh = 0
    for (let i = 0; this.#going; i++) {
      const due = this.#began + ((i * CLIENTS + index) * 1000) / this.#rate
      const early = due - performance.now()
      if (early > 0) await delay(early)
      const table = random.pick(this.#tables)
      const mine = inserted.get(table)!
      const pick = random.next()
      if (pick < 0.1 && table.rows > 1000) {
        const n = table.rows + 1 + 2 * (fresh++ * CLIENTS + index)
        await this.#write(
          table,
          n,
          `${insertRow(table, '$1::bigint')} WHERE $2::bigint IS NOT NULL`,
          0,
        )
        mine.push(n)
      } else if (mine.length > INSERTED / CLIENTS) {
        const n = mine.shift()!
        await this.#write(
          table,
          n,
          `DELETE FROM ${table.spec.source} t WHERE ${isRow(table, '$1::bigint')} AND $2::bigint IS NOT NULL`,
          0,
        )
      } else {
        const n = 1 + 2 * random.below(table.rows / 2)
        const text = `UPDATE ${table.spec.source} t SET ${over(table.update, '$2::bigint', 'v')} WHERE ${isRow(table, '$1::bigint')}`
        await this.#write(table, n, text, random.below(1_000_000_000))
      }
    }
  }

  async #write(table: TrialTable, n: number, text: string, v: number): Promise<void> {
    for (;;) {
      const owner = this.#pair.ownerOf(table.owner(n))
      if (owner === null) {
        await delay(5)
        continue
      }
      try {
        const name = `${text.slice(0, 3)} ${table.spec.source}`
        const { rowCount } = await this.#pair.pools[owner].query({ name, text, values: [n, v] })
        // A row that a fault took away on the side that owns it by now is not written.
        this.counts.acknowledged += rowCount ?? 0
        return
      } catch (error) {
        if (!AGAIN.has((error as { code?: string }).code ?? '')) throw error
        this.counts.refused++
        await delay(5)
      }
    }
  }
}
