import { isIP } from 'node:net'
import { Pool } from 'undici'

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
}

export interface UpstreamOptions {
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
  readonly #options: UpstreamOptions

  constructor(options: UpstreamOptions) {
    this.#options = options
  }

  /** @param baseUrl http or https, without query and fragment. */
  get(baseUrl: string, name: string): Upstream {
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
      servername: url.protocol === 'https:' ? (isIP(url.hostname) === 0 ? url.hostname : '') : null,
    }
  }

  /** Closes pools that no table in use names any more; what they are doing is finished. */
  keepOnly(origins: ReadonlySet<string>): void {
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

  async destroy(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }
}
