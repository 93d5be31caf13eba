import { createReadStream, createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'

/**
 * What one client did and saw, one line of JSON an operation. The state that clients work on is a
 * set of registers: an entity (a row, an order of rows, a counter) has a value, null when it is absent.
 * Only its user touches an entity, one operation after the other, so that the history is sequential.
 */
export interface Operation {
  readonly user: string
  /** Its name for people: `create`, `list`. */
  readonly op: string
  /** ms since the epoch. */
  readonly sentAt: number
  readonly doneAt: number
  readonly status: number | null
  readonly outcome: Outcome
  readonly writes?: readonly Write[]
  readonly reads?: readonly Observation[]
}

/**
 * - `acknowledged`: an answer that the script accepts;
 * - `refused`: answered, and certainly not applied (4xx, or the gateway says that it did not forward);
 * - `unknown`: the connection broke or a 5xx came: applied, not applied, or applied later.
 */
export type Outcome = 'acknowledged' | 'refused' | 'unknown'

export type Write =
  | {
      readonly entity: string
      /** The value it takes; unique for the entity. Null deletes it. */
      readonly set: string | null
      /** Acknowledged before it is done: until a later write or the end, the old value may be seen. */
      readonly eventually?: boolean
    }
  /** Adds to a counter. */
  | { readonly entity: string; readonly add: number }
  /** Nothing is known of the entity from here on. */
  | { readonly entity: string; readonly unsure: true }

/** What a read showed. */
export type Observation =
  | { readonly entity: string; readonly value: string | null }
  /** What was acknowledged for later is done: from here on its value must be seen. */
  | { readonly entity: string; readonly settled: true }
  /** All entities of the user whose name begins with `within`: whatever is not listed was not there. */
  | { readonly within: string; readonly values: readonly (readonly [string, string])[] }

/** Writes a history to a file as it happens. */
export class HistoryFile {
  readonly #stream: WriteStream

  constructor(path: string) {
    this.#stream = createWriteStream(path)
  }

  add(operation: Operation): void {
    this.#stream.write(`${JSON.stringify(operation)}\n`)
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#stream.once('error', reject)
      this.#stream.end(resolve)
    })
  }
}

/** Reads a history back, in the order it was written. A torn last line (the writer was killed) is left out. */
export async function* readHistory(path: string): AsyncGenerator<Operation> {
  const lines = createInterface({
    input: createReadStream(path),
    crlfDelay: Number.POSITIVE_INFINITY,
  })
  for await (const line of lines) {
    try {
      yield JSON.parse(line) as Operation
    } catch {
      return
    }
  }
}
