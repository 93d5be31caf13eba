import { isIP } from 'node:net'
import type { BreakerStats } from '@banyan/contracts'
import { Pool } from 'undici'
import { type GuardOptions, UpstreamGuard } from './upstream-guard.ts'

/** A base URL requests are forwarded to. */
export interface Upstream {
  /** What problems call it. */
  readonly name: string
  readonly pool: Pool
  readonly origin: string
  /** Path of the base URL without a slash at the end: stands before every forwarded path. */
  readonly prefix: string
  /** For TLS: fixed, since undici would reconnect whenever the Host header changes. */
  readonly servername: string | null
  readonly guard: UpstreamGuard
}

export interface UpstreamOptions extends GuardOptions {
  /** Connections to one upstream at most. */
  readonly connections: number
  readonly connectMs: number
}

export interface UpstreamConnections {
  readonly origin: string
  readonly open: number
  readonly idle: number
  readonly waiting: number
}

/** One connection pool an origin, shared by every table that names it. */
export class Upstreams {
  readonly #pools = new Map<string, Pool>()
  /** By side; another origin has its own past. */
  readonly #guards = new Map<string, { origin: string; guard: UpstreamGuard }>()
  readonly #options: UpstreamOptions

  constructor(options: UpstreamOptions) {
    this.#options = options
  }

  /**
   * @param baseUrl http or https, without query and fragment.
   * @param name what problems call it.
   * @param side what is judged by itself, when others have the same name.
   */
  get(baseUrl: string, name: string, side = name): Upstream {
    const url = new URL(baseUrl)
    let pool = this.#pools.get(url.origin)
    if (!pool) {
      pool = new Pool(url.origin, {
        connections: this.#options.connections,
        connectTimeout: this.#options.connectMs,
        pipelining: 1,
        // Close before the upstream does: a write on a connection it is closing cannot be sent again.
        keepAliveTimeout: 4_000,
        keepAliveTimeoutThreshold: 2_000,
      })
      this.#pools.set(url.origin, pool)
    }
    return {
      name,
      pool,
      origin: url.origin,
      prefix: url.pathname.replace(/\/$/, ''),
      guard: this.#guard(side, url.origin),
      servername: url.protocol === 'https:' ? (isIP(url.hostname) === 0 ? url.hostname : '') : null,
    }
  }

  /** Closes pools that no table in use names any more; what they are doing is finished. */
  keepOnly(used: readonly Upstream[]): void {
    const origins = new Set(used.map(({ origin }) => origin))
    const guards = new Set(used.map(({ guard }) => guard))
    for (const [side, { guard }] of this.#guards) if (!guards.has(guard)) this.#guards.delete(side)
    for (const [origin, pool] of this.#pools) {
      if (origins.has(origin)) continue
      this.#pools.delete(origin)
      pool.close().catch(() => {})
    }
  }

  /** How many connections stand, by origin, and how many requests wait for one. */
  connections(): UpstreamConnections[] {
    return [...this.#pools].map(([origin, { stats }]) => ({
      origin,
      open: stats.connected,
      idle: stats.free,
      waiting: stats.queued + stats.pending,
    }))
  }

  breakers(): BreakerStats[] {
    return [...this.#guards.values()].map(({ guard }) => guard.stats())
  }

  #guard(side: string, origin: string): UpstreamGuard {
    const known = this.#guards.get(side)
    if (known?.origin === origin) return known.guard
    const guard = new UpstreamGuard(side, this.#options)
    this.#guards.set(side, { origin, guard })
    return guard
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }
}
