import type { Applier } from './applier.ts'
import type { Flow } from './flow.ts'
import { tableName } from './part.ts'
import type { Repaired } from './repair.ts'
import type { LinkOptions } from './types.ts'

interface Repair {
  readonly flow: Flow
  readonly key: readonly string[]
  resolve(repaired: Repaired): void
  reject(error: Error): void
}

/** Rows that a link is to make what they are on the side it reads, between two batches. */
export class Repairs {
  #waiting: Repair[] = []

  /** @param key values of the source's key, in the source's order. */
  add(
    options: LinkOptions,
    flows: readonly Flow[],
    name: string,
    key: readonly string[],
  ): Promise<Repaired> {
    const flow = flows.find((candidate) => candidate.name === name)
    const table = options.tables.find((candidate) => tableName(candidate.spec) === name)
    if (!flow || !table) return Promise.reject(new Error(`no table ${name} is replicated`))
    if (flow.fold?.kind === 'out') {
      // The whole array of its parent, whose key the child's begins with.
      const parent = key.slice(0, flow.keyWidth)
      return new Promise((resolve, reject) => {
        this.#waiting.push({ flow, key: parent, resolve, reject })
      })
    }
    // The other way the stream's key is the target's, and may be ordered otherwise.
    const names =
      options.stream === 'forward'
        ? table.source.key
        : table.source.key.map(
            (column) =>
              table.forward.find((expr) => expr.sql === null && expr.from[0] === column)!.column,
          )
    const ordered = flow.from.key.map((column) => key[names.indexOf(column)]!)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ flow, key: ordered, resolve, reject })
    })
  }

  async run(applier: Applier): Promise<void> {
    for (const repair of this.#waiting.splice(0)) {
      try {
        repair.resolve(await applier.repair(repair.flow, repair.key))
      } catch (error) {
        repair.reject(error as Error)
        throw error
      }
    }
  }

  fail(): void {
    for (const repair of this.#waiting.splice(0)) {
      repair.reject(new Error('the stream broke off before the row was repaired'))
    }
  }
}
