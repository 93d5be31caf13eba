import { within } from '@banyan/contracts'
import { createClient, type RedisClientType } from '@redis/client'
import type { CacheStore } from './store.ts'

/** A cache that takes longer than the database would is none, ms. */
const OPERATION_MS = 250
/**
 * A connection on which an answer is late, and none at all comes in this time after, is left, ms: it may
 * hang for ever. Late ones alone say little: a process that was busy finds them all late, and there.
 */
const HUNG_MS = 500
/** Between two attempts to connect, ms: doubled from the first up to the last. */
const RECONNECT_MS = { first: 100, most: 5_000 }
/** A connection on which nothing moves for so long is dead, ms; also one that never says hello. */
const SILENCE_MS = 6_000
/** Keeps a good connection from being silent, ms. */
const PING_MS = 2_000
/** Operations that wait for their answer, at most; one more is refused. */
const MOST_WAITING = 2_000
/** Keys of one command: a longer one would hold up everybody else's. */
const KEYS_AT_ONCE = 500

/** In one step: between a read and a write of ours another may delete the key. */
const REPLACE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`

export interface RedisStoreOptions {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string
  /** Of one operation, ms; 250 by default. */
  readonly operationMs?: number
}

/**
 * Keeps texts in Redis 7 or later (`SET … NX GET`), over one connection. While that is away every
 * operation fails at once; it is tried again after pauses that grow and differ, so that services whose
 * Redis comes back do not all come at once.
 */
export class RedisStore implements CacheStore {
  readonly #url: string
  readonly #operationMs: number
  #client: RedisClientType
  #closed = false
  #answers = 0
  #suspicion: NodeJS.Timeout | undefined
  #reopening: NodeJS.Timeout | undefined

  constructor({ url, operationMs = OPERATION_MS }: RedisStoreOptions) {
    this.#url = url
    this.#operationMs = operationMs
    this.#client = this.#connect()
  }

  get(key: string): Promise<string | null> {
    return this.#ask((client) => client.get(key))
  }

  async set(key: string, text: string, ttlMs: number): Promise<void> {
    await this.#ask((client) => client.set(key, text, expiry(ttlMs)))
  }

  setIfNone(key: string, text: string, ttlMs: number): Promise<string | null> {
    const options = { ...expiry(ttlMs), condition: 'NX', GET: true } as const
    return this.#ask((client) => client.set(key, text, options))
  }

  async replace(key: string, former: string, text: string, ttlMs: number): Promise<boolean> {
    const call = { keys: [key], arguments: [former, text, String(Math.ceil(ttlMs))] }
    return (await this.#ask((client) => client.eval(REPLACE, call))) === 1
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += KEYS_AT_ONCE) {
      await this.#ask((client) => client.unlink(keys.slice(from, from + KEYS_AT_ONCE)))
    }
  }

  async check(): Promise<void> {
    await this.#ask((client) => client.ping())
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#suspicion)
    clearTimeout(this.#reopening)
    this.#client.destroy()
  }

  /** @throws Error that says why, no later than after `operationMs` */
  async #ask<T>(command: (client: RedisClientType) => Promise<T>): Promise<T> {
    if (!this.#client.isReady) throw new Error('there is no connection to Redis')
    const answer = await within(this.#operationMs, command(this.#client))
    if (answer !== null) {
      this.#answers++
      return answer.value
    }
    this.#suspect()
    throw new Error(`no answer from Redis within ${this.#operationMs} ms`)
  }

  #connect(): RedisClientType {
    const client: RedisClientType = createClient({
      url: this.#url,
      disableOfflineQueue: true,
      commandsQueueMaxLength: MOST_WAITING,
      pingInterval: PING_MS,
      // Not asked for, and one command more in each hello.
      disableClientInfo: true,
      maintNotifications: 'disabled',
      socket: {
        connectTimeout: SILENCE_MS,
        socketTimeout: SILENCE_MS,
        reconnectStrategy: pauseBefore,
      },
    })
    // Who asks is told; without a listener the process would end.
    client.on('error', () => {})
    client.connect().catch(() => {})
    return client
  }

  /** Leaves the connection if no answer comes any more: TCP would wait for one a quarter of an hour. */
  #suspect(): void {
    if (this.#suspicion || this.#reopening || this.#closed) return
    const answers = this.#answers
    this.#suspicion = setTimeout(() => {
      // What has arrived is read first.
      setImmediate(() => {
        this.#suspicion = undefined
        if (this.#answers === answers && !this.#closed) this.#reopen()
      })
    }, HUNG_MS)
  }

  #reopen(): void {
    this.#client.destroy()
    this.#reopening = setTimeout(() => {
      this.#reopening = undefined
      this.#client = this.#connect()
    }, pauseBefore(3))
  }
}

/** Half of it by chance. */
function pauseBefore(attempt: number): number {
  const pause = Math.min(RECONNECT_MS.first * 2 ** attempt, RECONNECT_MS.most)
  return Math.round(pause * (0.5 + Math.random() / 2))
}

function expiry(ttlMs: number) {
  return { expiration: { type: 'PX', value: Math.ceil(ttlMs) } } as const
}
