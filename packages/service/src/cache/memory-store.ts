import { LRUCache } from 'lru-cache'
import type { CacheStore } from './store.ts'

/** Keys and texts together, in characters: as much as the process keeps of former answers. */
const MOST_KEPT = 16 * 1024 * 1024

/**
 * Keeps texts in this process: what was used longest ago goes first. Another process has its own, and
 * does not see what is deleted here: with several, use Redis.
 */
export class MemoryStore implements CacheStore {
  readonly #texts: LRUCache<string, string>

  /** @param mostKept characters of keys and texts together */
  constructor(mostKept = MOST_KEPT) {
    this.#texts = new LRUCache({
      maxSize: mostKept,
      sizeCalculation: (text, key) => text.length + key.length,
    })
  }

  async get(key: string): Promise<string | null> {
    return this.#texts.get(key) ?? null
  }

  async set(key: string, text: string, ttlMs: number): Promise<void> {
    this.#texts.set(key, text, { ttl: ttlMs })
  }

  async setIfNone(key: string, text: string, ttlMs: number): Promise<string | null> {
    const there = this.#texts.get(key)
    if (there !== undefined) return there
    this.#texts.set(key, text, { ttl: ttlMs })
    return null
  }

  async replace(key: string, former: string, text: string, ttlMs: number): Promise<boolean> {
    if (this.#texts.get(key) !== former) return false
    this.#texts.set(key, text, { ttl: ttlMs })
    return true
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#texts.delete(key)
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {
    this.#texts.clear()
  }
}
