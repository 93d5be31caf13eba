import { BanyanError } from '@banyan/contracts'
import type { ObjectStore } from '../object-store.ts'
import {
  type Description,
  type ListedObject,
  ObjectRefused,
  type ObjectSide,
  ownerIn,
  type ReadObject,
} from './side.ts'

/** What a store says of one object, not of itself. */
const OF_ONE = ['BAD_OBJECT_KEY', 'BAD_OBJECT', 'TOO_LARGE', 'OBJECT_UNREADABLE']

export interface StoreSideOptions {
  readonly name: string
  /** Keys begin with it in the store, and nowhere else; `uploads/`. */
  readonly prefix?: string
  /** Which segment of a key, without the prefix and the last one, is its owner, from 0; none by default. */
  readonly ownerSegment?: number | null
}

/** The objects of a store, or those below a prefix. */
export class StoreSide implements ObjectSide {
  readonly name: string
  readonly #store: ObjectStore
  readonly #prefix: string
  readonly #ownerSegment: number | null

  constructor(store: ObjectStore, { name, prefix = '', ownerSegment = null }: StoreSideOptions) {
    this.name = name
    this.#store = store
    this.#prefix = prefix
    this.#ownerSegment = ownerSegment
  }

  async *list(after: string): AsyncGenerator<ListedObject> {
    for (let from: string | null = after === '' ? '' : this.#prefix + after; from !== null; ) {
      const { objects, next } = await this.#store.list({
        ...(this.#prefix === '' ? {} : { prefix: this.#prefix }),
        ...(from === '' ? {} : { after: from }),
      })
      for (const { key: full, size, version } of objects) {
        const key = full.slice(this.#prefix.length)
        yield { key, size, version, owner: ownerIn(key, this.#ownerSegment) }
      }
      from = next
    }
  }

  async read(key: string): Promise<ReadObject | null> {
    return ofOne(async () => {
      const found = await this.#store.get(this.#prefix + key).catch((error: unknown) => {
        if (error instanceof BanyanError && error.code === 'NOT_FOUND') return null
        throw error
      })
      if (!found) return null
      const { version, contentType, metadata } = found.info
      return { version, contentType, metadata, stream: found.stream }
    })
  }

  async write(
    key: string,
    content: AsyncIterable<Uint8Array>,
    { contentType, metadata }: Description,
  ): Promise<void> {
    await ofOne(() => this.#store.put(this.#prefix + key, content, { contentType, metadata }))
  }

  async delete(key: string): Promise<void> {
    await ofOne(() => this.#store.delete(this.#prefix + key))
  }

  async close(): Promise<void> {
    await this.#store.close()
  }
}

async function ofOne<T>(work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    const refused = error instanceof BanyanError && OF_ONE.includes(error.code)
    throw refused ? new ObjectRefused(error.message, { cause: error }) : error
  })
}
