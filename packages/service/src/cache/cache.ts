import { createHash, randomUUID } from 'node:crypto'
import type { z } from 'zod'
import type { CacheStore } from './store.ts'

export interface CacheRules<T> {
  /** Small letters, digits and dashes: part of the keys, and a label in metrics. */
  readonly name: string
  /** Of what is kept, as JSON: what was written by another version, and does not fit, is loaded anew. */
  readonly schema: z.ZodType<T>
  /** How long a value is good for at most, ms. */
  readonly ttlMs: number
  /** How long it is remembered that there is no value, ms; not at all by default. */
  readonly missingTtlMs?: number
}

/**
 * Values that are dear to get, by key. It never throws, and never takes long: where what keeps it is away,
 * nothing is found and nothing is kept.
 */
export interface Cache<T> {
  /** @returns undefined when it is not there; null when it is known that there is none */
  get(key: string): Promise<T | null | undefined>
  /** @param ttlMs as the cache has it by default */
  set(key: string, value: T, ttlMs?: number): Promise<void>
  /**
   * Call it after the commit of what changed: before, a reader would bring the old value back.
   *
   * @returns false where what keeps it did not answer: it may still be there
   */
  delete(key: string): Promise<boolean>
  /** The same of many. */
  deleteMany(keys: readonly string[]): Promise<boolean>
  /**
   * What is there, else what `load` answers, which is then kept: unless it was deleted meanwhile. Who asks
   * for the same key in this process while it loads gets the same answer.
   *
   * @param load null when there is no such thing
   * @throws what `load` throws, nothing else
   */
  getOrLoad(key: string, load: () => Promise<T | null>): Promise<T | null>
}

export type ReadResult = 'hit' | 'miss' | 'error'
export type WriteResult = 'ok' | 'error'

/** What a cache tells of its work. */
export interface CacheWatch {
  read(result: ReadResult): void
  wrote(result: WriteResult): void
  /** What keeps it answered, or did not. */
  store(failure: Error | null): void
}

/** What is kept begins with one of these: a value, the knowledge that there is none, or who loads it. */
const VALUE = '='
const NONE = '-'
const CLAIM = '?'

/** Who claims a key and is not done by then has lost the right to fill it, ms. */
const CLAIM_MS = 10_000
/** A longer text is not kept: it would push out thousands of others. */
const LARGEST = 256 * 1024
/** A longer key is kept by its hash: ids come from clients. */
const LONGEST_KEY = 200

/** How a load goes on that others wait for. */
interface Load<T> {
  readonly value: Promise<T | null>
  /** Deleted while it ran: its answer is good for who waits, and for nobody after. */
  outdated: boolean
}

export class StoredCache<T> implements Cache<T> {
  readonly #store: CacheStore
  readonly #prefix: string
  readonly #rules: CacheRules<T>
  readonly #watch: CacheWatch
  readonly #loads = new Map<string, Load<T>>()

  constructor(store: CacheStore, prefix: string, rules: CacheRules<T>, watch: CacheWatch) {
    this.#store = store
    this.#prefix = `${prefix}:${rules.name}:`
    this.#rules = rules
    this.#watch = watch
  }

  async get(key: string): Promise<T | null | undefined> {
    const text = await this.#asked(() => this.#store.get(this.#at(key)))
    if (text === undefined) return this.#found('error', undefined)
    const value = this.#read(text)
    return this.#found(value === undefined ? 'miss' : 'hit', value)
  }

  async set(key: string, value: T, ttlMs = this.#rules.ttlMs): Promise<void> {
    this.#outdate(key)
    const text = VALUE + JSON.stringify(value)
    const at = this.#at(key)
    await this.#wrote(() =>
      text.length > LARGEST ? this.#store.delete([at]) : this.#store.set(at, text, ttlMs),
    )
  }

  delete(key: string): Promise<boolean> {
    return this.deleteMany([key])
  }

  async deleteMany(keys: readonly string[]): Promise<boolean> {
    if (keys.length === 0) return true
    for (const key of keys) this.#outdate(key)
    return this.#wrote(() => this.#store.delete(keys.map((key) => this.#at(key))))
  }

  getOrLoad(key: string, load: () => Promise<T | null>): Promise<T | null> {
    const running = this.#loads.get(key)
    if (running) return running.value
    const mine: Load<T> = {
      value: this.#getOrLoad(key, load, () => mine.outdated).finally(() => {
        if (this.#loads.get(key) === mine) this.#loads.delete(key)
      }),
      outdated: false,
    }
    this.#loads.set(key, mine)
    return mine.value
  }

  async #getOrLoad(key: string, load: () => Promise<T | null>, outdated: () => boolean) {
    const at = this.#at(key)
    const claim = CLAIM + randomUUID()
    const there = await this.#asked(async () => {
      const text = await this.#store.setIfNone(at, claim, CLAIM_MS)
      const unreadable = text !== null && !text.startsWith(CLAIM) && this.#read(text) === undefined
      if (unreadable) await this.#store.set(at, claim, CLAIM_MS)
      return unreadable ? null : text
    })
    if (there === undefined) {
      this.#watch.read('error')
      return load()
    }
    const value = this.#read(there)
    if (value !== undefined) return this.#found('hit', value)
    this.#watch.read('miss')
    const claimed = there === null
    let loaded: T | null
    try {
      loaded = await load()
    } catch (error) {
      if (claimed) await this.#wrote(() => this.#store.delete([at]))
      throw error
    }
    // Who did not claim it leaves it to who did: of the two this one may have read the older value.
    if (claimed && !outdated()) await this.#wrote(() => this.#fill(at, claim, loaded))
    return loaded
  }

  #fill(at: string, claim: string, value: T | null): Promise<unknown> {
    const text = value === null ? NONE : VALUE + JSON.stringify(value)
    const ttlMs = value === null ? this.#rules.missingTtlMs : this.#rules.ttlMs
    if (ttlMs === undefined || text.length > LARGEST) return this.#store.delete([at])
    return this.#store.replace(at, claim, text, ttlMs)
  }

  /** undefined for what is no value: a claim, or one that does not fit any more. */
  #read(text: string | null): T | null | undefined {
    if (text === NONE) return null
    if (!text?.startsWith(VALUE)) return undefined
    try {
      return this.#rules.schema.safeParse(JSON.parse(text.slice(VALUE.length))).data
    } catch {
      return undefined
    }
  }

  #at(key: string): string {
    if (key.length <= LONGEST_KEY) return this.#prefix + key
    return `${this.#prefix}#${createHash('sha256').update(key).digest('base64url')}`
  }

  #outdate(key: string): void {
    const load = this.#loads.get(key)
    if (!load) return
    load.outdated = true
    this.#loads.delete(key)
  }

  #found<R>(result: ReadResult, value: R): R {
    this.#watch.read(result)
    return value
  }

  async #wrote(work: () => Promise<unknown>): Promise<boolean> {
    const done = await this.#asked(async () => {
      await work()
      return true
    })
    this.#watch.wrote(done ? 'ok' : 'error')
    return done ?? false
  }

  /** What the store answers, or undefined when it does not. */
  async #asked<R>(work: () => Promise<R>): Promise<R | undefined> {
    try {
      const answer = await work()
      this.#watch.store(null)
      return answer
    } catch (error) {
      this.#watch.store(error as Error)
      return undefined
    }
  }
}
