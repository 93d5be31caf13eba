import { createHash } from 'node:crypto'
import { CircuitBreaker, type SharedLimitSetting, within } from '@banyan/contracts'
import type { RedisClientType } from '@redis/client'
import type { Claim, Counted, RateCounter } from './rate-counter.ts'

export interface SharedRatesOptions extends SharedLimitSetting {
  /** Unique among the gateways. */
  readonly gateway: string
  readonly now: () => number
  /** Called when Redis goes away and when it is back. */
  readonly onChange: () => void
}

/**
 * The generic cell rate algorithm for all rules of a request at once, by Redis's own clock: gateways whose clocks
 * differ count alike. What this process knew is an argument, so that a Redis that comes back without its memory does not
 * grant everybody a new burst.
 */
const COUNT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local counted = {}
for i, key in ipairs(KEYS) do
  local interval = tonumber(ARGV[3 * i - 2])
  local depth = tonumber(ARGV[3 * i - 1])
  local known = tonumber(ARGV[3 * i])
  local empty = math.max(tonumber(redis.call('GET', key) or 0), now + known, now)
  local ahead = empty + interval - now
  local allowed = ahead <= depth + 0.001
  if allowed then
    redis.call('SET', key, string.format('%.3f', empty + interval), 'PX', math.ceil(ahead))
  end
  counted[2 * i - 1] = allowed and 1 or 0
  counted[2 * i] = string.format('%.3f', allowed and ahead or empty - now)
  if not allowed then break end
end
return counted`
const COUNT_SHA = createHash('sha1').update(COUNT).digest('hex')

/** Who counts here: those that said so lately. */
const BEAT = `
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. (time[1] - ARGV[2]))
return redis.call('ZCARD', KEYS[1])`

const BEAT_MS = 2_000
/** A gateway that has not said so for this long, s, counts no more. */
const SILENT_S = 10
/** A request waits no longer than this for Redis, ms. */
const ANSWER_MS = 100
/** A connection on which nothing moves for so long is dead, ms. */
const SILENCE_MS = 6_000
const PING_MS = 2_000
const RECONNECT_MS = { first: 100, most: 2_000 }
/** Requests that wait for Redis, at most; one more is counted without it. */
const MOST_WAITING = 2_000

/** Counts requests in Redis 5 or later, together with every gateway that has the same `prefix` there. */
export class SharedRates implements RateCounter {
  readonly #options: SharedRatesOptions
  readonly #prefix: string
  readonly #answerMs: number
  /** While answers are late, nobody waits for one. */
  readonly #breaker: CircuitBreaker
  #client: RedisClientType | null = null
  #beat: NodeJS.Timeout | undefined
  #away = true
  #closed = false
  #gateways = 1

  constructor(options: SharedRatesOptions) {
    this.#options = options
    this.#prefix = options.prefix ?? 'banyan:limits:'
    this.#answerMs = options.answerMs ?? ANSWER_MS
    const circuit = { failures: 0.5, leastCalls: 5, windowMs: 2_000, openMs: 1_000 }
    this.#breaker = new CircuitBreaker(circuit, options.now)
  }

  /** Gateways that count here, as far as is known; this one alone before it was ever there. */
  get gateways(): number {
    return this.#gateways
  }

  get away(): boolean {
    return this.#away
  }

  /** Connects, and goes on trying. */
  async open(): Promise<void> {
    const { createClient } = await import('@redis/client')
    if (this.#closed) return
    const client: RedisClientType = createClient({
      url: this.#options.url,
      disableOfflineQueue: true,
      commandsQueueMaxLength: MOST_WAITING,
      pingInterval: PING_MS,
      disableClientInfo: true,
      maintNotifications: 'disabled',
      socket: {
        connectTimeout: SILENCE_MS,
        socketTimeout: SILENCE_MS,
        reconnectStrategy: (attempt) =>
          Math.min(RECONNECT_MS.first * 2 ** attempt, RECONNECT_MS.most) *
          (0.5 + Math.random() / 2),
      },
    })
    // Who asks is told; without a listener the process would end.
    client.on('error', () => this.#setAway(true))
    client.on('ready', () => void this.#sayHere())
    this.#client = client
    client.connect().catch(() => {})
    this.#beat = setInterval(() => void this.#sayHere(), BEAT_MS)
  }

  async take(claims: readonly Claim[]): Promise<Counted[]> {
    const client = this.#client
    const settle = client?.isReady ? this.#breaker.enter() : null
    if (!client || !settle) throw new Error('Redis is away')
    const call = {
      keys: claims.map(({ rule, caller }) => `${this.#prefix}${rule}:${digest(caller)}`),
      // What was heard last is as old as an answer may be; without the difference it would grow with each answer.
      arguments: claims.flatMap(({ intervalMs, depthMs, knownMs }) =>
        [intervalMs, depthMs, Math.max(0, knownMs - this.#answerMs)].map(String),
      ),
    }
    try {
      const answer = await within(this.#answerMs, this.#count(client, call))
      if (!answer) throw new Error(`no answer from Redis within ${this.#answerMs} ms`)
      settle('well')
      return countedOf(answer.value)
    } catch (error) {
      settle('failed')
      if (this.#breaker.state !== 'closed' || !client.isReady) this.#setAway(true)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#beat)
    const client = this.#client
    if (client?.isReady) {
      const leave = client.zRem(`${this.#prefix}gateways`, this.#options.gateway)
      await within(this.#answerMs, leave).catch(() => {})
    }
    client?.destroy()
  }

  async #count(client: RedisClientType, call: ScriptCall): Promise<unknown> {
    try {
      return await client.evalSha(COUNT_SHA, call)
    } catch (error) {
      // It has been restarted, and knows the script no more.
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error
      return client.eval(COUNT, call)
    }
  }

  async #sayHere(): Promise<void> {
    const client = this.#client
    if (!client?.isReady) return
    const call = {
      keys: [`${this.#prefix}gateways`],
      arguments: [this.#options.gateway, String(SILENT_S)],
    }
    const answer = await within(BEAT_MS, client.eval(BEAT, call)).catch(() => null)
    if (this.#closed) return
    if (typeof answer?.value === 'number') this.#gateways = Math.max(1, answer.value)
    this.#setAway(answer === null)
  }

  #setAway(away: boolean): void {
    if (away === this.#away || this.#closed) return
    this.#away = away
    this.#options.onChange()
  }
}

interface ScriptCall {
  readonly keys: string[]
  readonly arguments: string[]
}

/** Of bounded length, and no name that others could read in Redis. */
function digest(caller: string): string {
  return createHash('sha256').update(caller).digest('base64url').slice(0, 22)
}

function countedOf(answer: unknown): Counted[] {
  const flat = answer as readonly (number | string)[]
  return Array.from({ length: flat.length / 2 }, (_, i) => ({
    allowed: flat[2 * i] === 1,
    aheadMs: Number(flat[2 * i + 1]),
  }))
}
