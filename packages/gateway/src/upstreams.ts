import { isIP } from 'node:net'
import type { BreakerStats } from '@banyan/contracts'
import { Pool } from 'undici'
import { Connections } from './upstream/connections.ts'
import { type GuardOptions, UpstreamGuard } from './upstream-guard.ts'

/** A base URL requests are forwarded to. */
export interface Upstream {
  /** What problems call it. */
  readonly name: string
  /** For requests whose body is whole, or that have none. */
  readonly connections: Connections
  /** For what goes piece by piece: uploads, WebSockets, and shadow reads. */
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

interface Clients {
  readonly connections: Connections
  readonly pool: Pool
}

/**
 * Close before the upstream does, ms: a write on a connection it is closing cannot be sent again. This is for one that does not
 * say how long it keeps its connections.
 */
const KEEP_MS = 4_000
/** For one that keeps them for longer, as it says, ms: what a peak has opened is there for the next (decision 092). */
const KEEP_AT_MOST_MS = 600_000

/** Connections of an origin are shared by every table that names it. */
export class Upstreams {
  readonly #clients = new Map<string, Clients>()
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
    const clients = this.#clients.get(url.origin) ?? this.#open(url)
    return {
      name,
      ...clients,
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
    for (const [origin, { connections, pool }] of this.#clients) {
      if (origins.has(origin)) continue
      this.#clients.delete(origin)
      connections.close()
      pool.close().catch(() => {})
    }
  }

  /** How many connections stand, by origin, and how many requests wait for one. */
  connections(): UpstreamConnections[] {
    return [...this.#clients].map(([origin, { connections, pool }]) => {
      const [own, { connected, free, queued, pending }] = [connections.stats, pool.stats]
      return {
        origin,
        open: own.open + connected,
        idle: own.idle + free,
        waiting: own.waiting + queued + pending,
      }
    })
  }

  breakers(): BreakerStats[] {
    return [...this.#guards.values()].map(({ guard }) => guard.stats())
  }

  #open(url: URL): Clients {
    const { connections, connectMs } = this.#options
    const clients = {
      connections: new Connections(url, {
        connections,
        connectMs,
        keepMs: KEEP_MS,
        keepAtMostMs: KEEP_AT_MOST_MS,
      }),
      pool: new Pool(url.origin, {
        connections,
        connectTimeout: connectMs,
        pipelining: 1,
        keepAliveTimeout: KEEP_MS,
        keepAliveMaxTimeout: KEEP_AT_MOST_MS,
        keepAliveTimeoutThreshold: 2_000,
      }),
    }
    this.#clients.set(url.origin, clients)
    return clients
  }

  #guard(side: string, origin: string): UpstreamGuard {
    const known = this.#guards.get(side)
    if (known?.origin === origin) return known.guard
    const guard = new UpstreamGuard(side, this.#options)
    this.#guards.set(side, { origin, guard })
    return guard
  }

  async destroy(): Promise<void> {
    const all = [...this.#clients.values()]
    for (const { connections } of all) connections.destroy()
    await Promise.all(all.map(({ pool }) => pool.destroy()))
  }
}
