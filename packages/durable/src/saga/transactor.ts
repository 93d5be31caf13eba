import type { Queryable } from '@banyan/postgres'
import type { Tables } from '../tables.ts'
import { runTogether } from '../together.ts'
import type { Json } from './definition.ts'
import type { LeasedSaga, SagaStore, SagaWrite } from './store.ts'

/** A step that takes part in a transaction. */
export interface Piece {
  readonly saga: LeasedSaga
  /** Not with others: it has failed before, perhaps by ending its process. */
  readonly alone: boolean
  run(tx: Queryable): Promise<Json | undefined>
  /** What the row says when the step has this answer. */
  write(output: Json | undefined): SagaWrite
}

export type PieceOutcome =
  | { readonly result: 'done'; readonly output: Json | undefined; readonly cancel: boolean }
  | { readonly result: 'failed'; readonly error: unknown }
  /** Another runner has the saga, or the database was away: whoever claims it next sees what came of it. */
  | { readonly result: 'lost' }

interface Queued extends Piece {
  resolve(outcome: PieceOutcome): void
  output: Json | undefined
  cancel: boolean
}

export interface TransactorOptions {
  readonly connections: number
  /** Steps at most in one transaction. */
  readonly groupSize: number
  readonly leaseMs: number
  /** The saga may have been written or not: it is given back, to be read anew. */
  readonly onOutage: (saga: LeasedSaga) => void
}

/** Puts steps of several sagas, with the rows they write and the records that they are done, in one transaction. */
export class Transactor {
  readonly #tables: Tables
  readonly #store: SagaStore
  readonly #options: TransactorOptions
  #queue: Queued[] = []
  #active = 0
  #scheduled = false

  constructor(tables: Tables, store: SagaStore, options: TransactorOptions) {
    this.#tables = tables
    this.#store = store
    this.#options = options
  }

  run(piece: Piece): Promise<PieceOutcome> {
    return new Promise((resolve) => {
      this.#queue.push({ ...piece, resolve, output: undefined, cancel: false })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // Whoever goes on in this turn of the loop belongs to the group.
    setImmediate(() => {
      this.#scheduled = false
      while (this.#queue.length > 0 && this.#active < this.#options.connections) {
        this.#active++
        void this.#transact(this.#group()).finally(() => {
          this.#active--
          this.#schedule()
        })
      }
    })
  }

  #group(): Queued[] {
    const first = this.#queue.findIndex((piece) => piece.alone)
    if (first === 0) return this.#queue.splice(0, 1)
    const end = first === -1 ? this.#queue.length : first
    return this.#queue.splice(0, Math.min(end, this.#options.groupSize))
  }

  async #transact(group: readonly Queued[]): Promise<void> {
    try {
      const outcome = await runTogether(this.#tables.pool, group, {
        idleMs: this.#options.leaseMs,
        take: async (_client, pieces) => pieces,
        run: async (piece, tx) => {
          piece.output = await piece.run(tx)
        },
        finish: async (client, pieces) => {
          const writes = pieces.map((piece) => piece.write(piece.output))
          const { only, cancelling } = await this.#store.write(client, writes)
          for (const piece of pieces) piece.cancel = cancelling?.has(piece.saga.id) ?? false
          return only ? pieces.filter((piece) => !only.has(piece.saga.id)) : []
        },
      })
      for (const { output, cancel, resolve } of outcome.done) {
        resolve({ result: 'done', output, cancel })
      }
      for (const { item, error } of outcome.failed) item.resolve({ result: 'failed', error })
      for (const { resolve } of outcome.lost) resolve({ result: 'lost' })
    } catch {
      for (const { saga, resolve } of group) {
        this.#options.onOutage(saga)
        resolve({ result: 'lost' })
      }
    }
  }
}
