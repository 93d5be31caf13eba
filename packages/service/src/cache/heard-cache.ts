import type { Cache, CacheRules } from './cache.ts'
import { Changes, type ChangesParts } from './changes.ts'

export interface HeardCacheRules<T> extends Omit<CacheRules<T>, 'missingTtlMs'> {
  /**
   * Where the service's database says which key was changed or deleted: a channel of NOTIFY, at most 52 letters. A
   * trigger does, `ENABLE ALWAYS` so that what replication writes counts (README, "Caches").
   */
  readonly channel: string
}

/**
 * What a cache keeps of rows, for as long as the database says of each change. While it is not heard, reads go
 * past the cache; what was kept before is not found afterwards. Another process sees a change milliseconds after
 * its commit, when the notification arrives; the one that made it at once, if it deletes the key.
 */
export interface HeardCache<T> {
  /**
   * What is there, else what `load` reads, which is then kept unless it was changed meanwhile.
   *
   * @param load throws where there is no such thing: that is not kept, since nobody tells of what is new
   * @throws what `load` throws, nothing else
   */
  getOrLoad(key: string, load: () => Promise<T>): Promise<T>
  /** After the commit of a change: who made it sees it at once. */
  delete(key: string): Promise<void>
}

export class ListeningCache<T> implements HeardCache<T> {
  readonly #cache: Cache<T>
  readonly #changes: Changes

  constructor(cache: Cache<T>, parts: Omit<ChangesParts, 'changed'>) {
    this.#cache = cache
    this.#changes = new Changes({ ...parts, changed: (key) => void this.delete(key) })
  }

  getOrLoad(key: string, load: () => Promise<T>): Promise<T> {
    const at = this.#at(key)
    // Never null: `load` is not.
    return at === null ? load() : (this.#cache.getOrLoad(at, load) as Promise<T>)
  }

  async delete(key: string): Promise<void> {
    const at = this.#at(key)
    if (at === null || (await this.#cache.delete(at))) return
    this.#changes.renew()
  }

  /** Hears nothing more; reads go past it. */
  close(): Promise<void> {
    return this.#changes.close()
  }

  #at(key: string): string | null {
    const { generation } = this.#changes
    return generation === null ? null : `${generation}:${key}`
  }
}
