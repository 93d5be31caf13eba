import type { Pool } from '@banyan/postgres'
import type { Counter } from 'prom-client'
import { z } from 'zod'
import { rootCause } from '../failures.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { type Cache, type CacheRules, StoredCache } from './cache.ts'
import { type HeardCache, type HeardCacheRules, ListeningCache } from './heard-cache.ts'
import { MemoryStore } from './memory-store.ts'
import type { CacheStore } from './store.ts'

/** Where a service's caches are kept: in the process, or in Redis. */
export const CacheUrl = z
  .string()
  .regex(/^(memory|rediss?:\/\/[^\s]+)$/, 'must be "memory", redis://… or rediss://…')
  .default('memory')

/** PostgreSQL's names have 63 bytes, and a second channel's is longer by 11. */
const CHANNEL = /^[a-z_][a-z0-9_]{0,51}$/

/** The caches of one service: its keys begin with its name, so that services may share a Redis. */
export interface Caches {
  /**
   * Opens a cache; two of one name are the same.
   *
   * @throws Error when the name or a time is none
   */
  open<T>(rules: CacheRules<T>): Cache<T>
  /**
   * Opens a cache of rows, which their database keeps true. Each opened one has a connection of the service's pool
   * to itself: open it once.
   *
   * @throws Error as `open`; when the channel's name is none; when the service has no database
   */
  openHeard<T>(rules: HeardCacheRules<T>): HeardCache<T>
  /** @throws Error while what keeps them is away */
  check(): Promise<void>
  close(): Promise<void>
}

export interface CachesParts {
  /** The service's name: `orders` keeps `orders:*`. */
  readonly service: string
  readonly log: Log
  readonly metrics: Metrics
  /** Of the service's database, which says of changes; none by default. */
  readonly pool?: Pool | undefined
}

/** Opens what keeps them. It need not be there, and is found when it comes. */
export async function openCaches(url: string, parts: CachesParts): Promise<Caches> {
  return new StoredCaches(await openStore(url), parts)
}

/** The client of Redis is loaded where it is used. */
async function openStore(url: string): Promise<CacheStore> {
  if (url === 'memory') return new MemoryStore()
  const { RedisStore } = await import('./redis-store.ts')
  return new RedisStore({ url })
}

export class StoredCaches implements Caches {
  readonly #store: CacheStore
  readonly #service: string
  readonly #log: Log
  readonly #reads: Counter<'cache' | 'result'>
  readonly #writes: Counter<'cache' | 'result'>
  readonly #pool: Pool | undefined
  readonly #heard: { close(): Promise<void> }[] = []
  #away = false

  constructor(store: CacheStore, { service, log, metrics, pool }: CachesParts) {
    this.#store = store
    this.#service = service
    this.#log = log
    this.#pool = pool
    const labels = ['cache', 'result'] as const
    const reads = 'Reads of a cache: "hit", "miss", or "error" when what keeps it did not answer'
    this.#reads = metrics.counter('cache_reads_total', reads, labels)
    const writes = 'Values kept in or deleted from a cache: "ok" or "error"'
    this.#writes = metrics.counter('cache_writes_total', writes, labels)
  }

  open<T>(rules: CacheRules<T>): Cache<T> {
    const { name, ttlMs, missingTtlMs = ttlMs } = rules
    if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
      throw new Error(`"${name}" is no name of a cache: small letters, digits and dashes`)
    }
    if (!(ttlMs > 0 && missingTtlMs > 0)) {
      throw new Error(`cache ${name}: ttlMs and missingTtlMs must be more than 0 ms`)
    }
    return new StoredCache(this.#store, this.#service, rules, {
      read: (result) => this.#reads.inc({ cache: name, result }),
      wrote: (result) => this.#writes.inc({ cache: name, result }),
      store: (failure) => this.#watch(failure),
    })
  }

  openHeard<T>({ channel, ...rules }: HeardCacheRules<T>): HeardCache<T> {
    const pool = this.#pool
    if (!pool) {
      throw new Error(`cache ${rules.name}: ${this.#service} has no database that says of changes`)
    }
    if (!CHANNEL.test(channel)) {
      throw new Error(`"${channel}" is no name of a channel: letters, digits and _, at most 52`)
    }
    const heard = new ListeningCache(this.open(rules), { pool, channel, log: this.#log })
    this.#heard.push(heard)
    return heard
  }

  check(): Promise<void> {
    return this.#store.check()
  }

  async close(): Promise<void> {
    await Promise.all(this.#heard.map((heard) => heard.close()))
    await this.#store.close()
  }

  /** Two lines for an outage, and not two for each request in it. */
  #watch(failure: Error | null): void {
    if (this.#away === (failure !== null)) return
    this.#away = failure !== null
    if (failure === null) this.#log.info('the cache is back')
    else this.#log.warn({ reason: rootCause(failure).message }, 'the cache is away; done without')
  }
}
