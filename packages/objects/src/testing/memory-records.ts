import type { BucketSet } from '@banyan/contracts'
import type { ObjectRecord, ObjectRecords } from '../follow/records.ts'
import { compareKeys } from '../follow/side.ts'

/** Records that live as long as a test. */
export class MemoryRecords implements ObjectRecords {
  readonly #all = new Map<string, ObjectRecord>()

  get(key: string): ObjectRecord | undefined {
    return this.#all.get(key)
  }

  async *list(after: string, of: BucketSet): AsyncGenerator<ObjectRecord> {
    const keys = [...this.#all.keys()].sort(compareKeys)
    for (const key of keys) {
      const record = this.#all.get(key)
      if (record && of.has(record.bucket) && (after === '' || compareKeys(key, after) > 0))
        yield record
    }
  }

  async keep(record: ObjectRecord): Promise<void> {
    this.#all.set(record.key, record)
  }

  async forget(key: string): Promise<void> {
    this.#all.delete(key)
  }

  async totals() {
    const all = [...this.#all.values()]
    const same = all.filter(({ sha256 }) => sha256 !== null)
    return {
      objects: same.length,
      bytes: same.reduce((sum, { size }) => sum + size, 0),
      problems: all.filter(({ problem }) => problem !== null).length,
    }
  }

  async problems(limit: number) {
    return [...this.#all.values()].filter(({ problem }) => problem !== null).slice(0, limit)
  }
}
