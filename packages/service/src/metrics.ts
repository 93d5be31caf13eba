import type { Pool } from '@banyan/postgres'
import type { FastifyInstance } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Upper bounds of the latency histogram, s: fine where a healthy service is, up to the 30 s of a file. */
export const LATENCY_BOUNDS_S = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** What a service counts, as Prometheus reads it at `/metrics`. */
export class Metrics {
  readonly registry = new Registry()

  constructor(service: string) {
    this.registry.setDefaultLabels({ service })
    collectDefaultMetrics({ register: this.registry })
  }

  /** A counter of the business, e.g. `counter('orders_placed_total', 'Orders placed', ['country'])`. */
  counter<L extends string = never>(name: string, help: string, labels: readonly L[] = []) {
    return new Counter({ name, help, labelNames: labels, registers: [this.registry] })
  }

  /** Figures that are asked for when somebody looks: each label's value, or one without a label. */
  gauge<L extends string = never>(
    name: string,
    help: string,
    read: () => Promise<readonly GaugeValue<L>[]> | readonly GaugeValue<L>[],
    labels: readonly L[] = [],
  ): void {
    new Gauge({
      name,
      help,
      labelNames: labels,
      registers: [this.registry],
      async collect() {
        this.reset()
        // What cannot be read now is left out: the rest is worth most while something is away.
        const values = await Promise.resolve()
          .then(read)
          .catch(() => [])
        // One without labels would be told as 0: an outbox that nobody can look into is not empty.
        if (values.length === 0 && labels.length === 0) this.remove()
        for (const { value, labels: of } of values) this.set(of ?? {}, value)
      },
    })
  }
}

export interface GaugeValue<L extends string> {
  readonly value: number
  readonly labels?: Partial<Record<L, string>>
}

/** Counts requests by the route's template, never by the path: paths are without number. */
export function countRequests(app: FastifyInstance, { registry }: Metrics): void {
  const labelNames = ['method', 'route', 'status'] as const
  const registers = [registry]
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests answered',
    labelNames,
    registers,
  })
  const errors = new Counter({
    name: 'http_request_errors_total',
    help: 'Requests answered with 500 or more',
    labelNames,
    registers,
  })
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the request to the end of its answer',
    labelNames: ['method', 'route'] as const,
    buckets: LATENCY_BOUNDS_S,
    registers,
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request
    const route = request.routeOptions.url ?? 'unknown'
    const status = String(reply.statusCode)
    requests.inc({ method, route, status })
    if (reply.statusCode >= 500) errors.inc({ method, route, status })
    durations.observe({ method, route }, reply.elapsedTime / 1000)
    done()
  })
}

/** The pool's own connections, and those of its server, of which others have their share. */
export function watchPool(metrics: Metrics, pool: Pool): void {
  metrics.gauge(
    'db_pool_connections',
    'Connections to the database: all, idle, and requests that wait for one',
    () => [
      { labels: { state: 'total' }, value: pool.totalCount },
      { labels: { state: 'idle' }, value: pool.idleCount },
      { labels: { state: 'waiting' }, value: pool.waitingCount },
    ],
    ['state'],
  )
  metrics.gauge('db_pool_connections_max', 'Connections that the pool opens at most', () => [
    { value: pool.options.max },
  ])
  let looking: Promise<ServerConnections> | null = null
  const look = () => {
    looking ??= serverConnections(pool).finally(() => {
      looking = null
    })
    return looking
  }
  metrics.gauge(
    'db_server_connections',
    'Connections to the server, whoever made them',
    async () => [{ value: (await look()).used }],
  )
  metrics.gauge(
    'db_server_connections_max',
    'Connections that the server takes of roles that are no superusers',
    async () => [{ value: (await look()).most }],
  )
}

interface ServerConnections {
  readonly used: number
  readonly most: number
}

/** By `pg_stat_database`: of other roles' sessions, `pg_stat_activity` does not tell everybody what they are. */
async function serverConnections(pool: Pool): Promise<ServerConnections> {
  const { rows } = await pool.query<ServerConnections>(
    `SELECT sum(numbackends)::float8 AS used,
       current_setting('max_connections')::float8
         - current_setting('superuser_reserved_connections')::float8 AS most
     FROM pg_stat_database`,
  )
  return rows[0]!
}
