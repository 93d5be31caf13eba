import type { Server } from 'node:http'
import { promisify } from 'node:util'
import type { ExtractionStats, GatewayStats } from '@banyan/contracts'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { CacheStats } from './cache/answer-cache.ts'
import { Exposition, type Family, type Sample } from './exposition.ts'
import type { TlsState } from './public-server.ts'
import type { RequestCounters } from './request-counters.ts'
import type { UpstreamConnections } from './upstreams.ts'

export interface MetricsParts {
  readonly stats: GatewayStats
  readonly requests: RequestCounters
  readonly server: Server
  readonly upstreams: readonly UpstreamConnections[]
  /** Of the route table. */
  readonly version: number
  /** Whether moved routes may be served. */
  readonly serving: boolean
  readonly calls: number
  readonly held: number
  readonly counting: string
  /** Null where no answers are kept. */
  readonly cache: CacheStats | null
  readonly linesDropped: number
  /** Null without TLS. */
  readonly tls: TlsState | null
}

const STATES = ['closed', 'half-open', 'open'] as const

/** Of the process, once for all gateways in it: CPU, memory, how late the event loop is. */
let ofProcess: Registry | null = null

/** What `/metrics` tells: put together when it is asked for, so that a request costs additions alone. */
export async function metricsOf(parts: MetricsParts): Promise<Family[]> {
  const page = new Exposition()
  parts.requests.writeTo(page)
  writeExtractions(page, parts.stats.extractions)
  await writeState(page, parts)
  if (parts.cache) writeCache(page, parts.cache)
  if (parts.tls) writeTls(page, parts.tls)
  return [...page.families, ...(await processFamilies())]
}

async function processFamilies(): Promise<Family[]> {
  if (!ofProcess) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  const families = await ofProcess.getMetricsAsJSON()
  return families.map(({ name, help, type, aggregator, values }) => ({
    name,
    help,
    // The typings say a number; it is the word that stands on the page.
    type: String(type),
    across: aggregator,
    samples: values.flatMap((given): Sample[] => {
      const { labels, value, metricName = name } = given as typeof given & { metricName?: string }
      // Nothing was measured yet: not a number, and JSON has no word for that.
      if (!Number.isFinite(value)) return []
      return [[labels as Sample[0], value, metricName.slice(name.length)]]
    }),
  }))
}

function writeExtractions(page: Exposition, extractions: readonly ExtractionStats[]): void {
  const each = (read: (of: ExtractionStats) => readonly Sample[]) => extractions.flatMap(read)
  page
    .family(
      'banyan_gateway_holds_total',
      'counter',
      'Requests that waited for a handover, and what came of them',
      each(({ extraction, holds: { held, released, refused, abandoned = 0 } }) =>
        Object.entries({ held, released, refused, abandoned }).map(
          ([outcome, count]): Sample => [{ extraction, outcome }, count],
        ),
      ),
    )
    .family(
      'banyan_gateway_replayed_total',
      'counter',
      'Requests sent again to the other side, after one said that it does not own the row',
      each(({ extraction, replayed }) => [[{ extraction }, replayed]]),
    )
    .family(
      'banyan_gateway_shadow_answers_total',
      'counter',
      'Answers of both sides: compared, of these differing, and dropped',
      each(({ extraction, shadow: { compared, differing, dropped } }) =>
        Object.entries({ compared, differing, dropped }).map(
          ([outcome, count]): Sample => [{ extraction, outcome }, count],
        ),
      ),
    )
}

async function writeState(page: Exposition, parts: MetricsParts): Promise<void> {
  const { stats, server, upstreams } = parts
  const { breakers } = stats
  const clients = await promisify(server.getConnections.bind(server))()
  page
    .family(
      'banyan_gateway_limited_requests_total',
      'counter',
      'Requests that a rule let pass or refused',
      stats.limits.flatMap(({ rule, passed, refused }): Sample[] => [
        [{ rule, verdict: 'passed' }, passed],
        [{ rule, verdict: 'refused' }, refused],
      ]),
    )
    .family(
      'banyan_gateway_uncounted_requests_total',
      'counter',
      'Requests that a rule was for and that were judged without Redis, which was away or late',
      stats.limits.map(({ rule, alone }): Sample => [{ rule }, alone]),
    )
    .family(
      'banyan_gateway_limits_counting',
      'gauge',
      'How requests are counted: "here" or "together"; without Redis as "share", "open" or "closed"',
      [[{ how: parts.counting }, 1]],
    )
    .family(
      'banyan_gateway_breaker_state',
      'gauge',
      '1 for the state that the breaker of a side is in; of several workers, how many are in it',
      breakers.flatMap(({ side, state }) =>
        STATES.map((one): Sample => [{ side, state: one }, Number(one === state)]),
      ),
    )
    .family(
      'banyan_gateway_breaker_opened_total',
      'counter',
      'Times that the breaker of a side was opened',
      breakers.map(({ side, opened }): Sample => [{ side }, opened]),
    )
    .family(
      'banyan_gateway_breaker_refused_total',
      'counter',
      'Requests that were not sent to a side, since it mostly fails',
      breakers.map(({ side, refused }): Sample => [{ side }, refused]),
    )
    .family(
      'banyan_gateway_retries_total',
      'counter',
      'Reads that were sent a second time',
      breakers.map(({ side, retried }): Sample => [{ side }, retried]),
    )
    .family('banyan_gateway_requests_in_flight', 'gauge', 'Requests that are not over', [
      [{}, parts.calls],
    ])
    .family('banyan_gateway_requests_held', 'gauge', 'Requests that wait for a handover now', [
      [{}, parts.held],
    ])
    .family('banyan_gateway_client_connections', 'gauge', 'Connections of clients', [[{}, clients]])
    .family(
      'banyan_gateway_upstream_connections',
      'gauge',
      'Connections to an upstream: open, of these idle; and requests that wait for one',
      upstreams.flatMap(({ origin, open, idle, waiting }) =>
        Object.entries({ open, idle, waiting }).map(
          ([state, count]): Sample => [{ upstream: origin, state }, count],
        ),
      ),
    )
    .family(
      'banyan_gateway_table_version',
      'gauge',
      'Version of the route table; of several workers the oldest',
      [[{}, parts.version]],
      'min',
    )
    .family(
      'banyan_gateway_serving_moved_routes',
      'gauge',
      '0 while the lease is lost, of one worker at least',
      [[{}, Number(parts.serving)]],
      'min',
    )
    .family(
      'banyan_gateway_log_lines_dropped_total',
      'counter',
      'Writes to the log that were dropped, since nobody read them fast enough',
      [[{}, parts.linesDropped]],
    )
}

function writeCache(page: Exposition, cache: CacheStats): void {
  const { hits, misses, passed, stored, dropped, answers, bytes } = cache
  page
    .family(
      'banyan_gateway_cache_requests_total',
      'counter',
      'Reads on routes with a cache: answered from it, not in it, passed since their user or rows were being written',
      Object.entries({ hit: hits, miss: misses, passed }).map(
        ([outcome, count]): Sample => [{ outcome }, count],
      ),
    )
    .family('banyan_gateway_cache_stored_total', 'counter', 'Answers that were kept', [
      [{}, stored],
    ])
    .family(
      'banyan_gateway_cache_dropped_total',
      'counter',
      'Kept answers that were dropped: for a write, for another table or a lost lease, for want of room, for their age',
      Object.entries(dropped).map(([reason, count]): Sample => [{ reason }, count]),
    )
    .family('banyan_gateway_cache_answers', 'gauge', 'Answers that are kept, or awaited', [
      [{}, answers],
    ])
    .family('banyan_gateway_cache_bytes', 'gauge', 'What they take', [[{}, bytes]])
}

function writeTls(page: Exposition, tls: TlsState): void {
  page
    .family(
      'banyan_gateway_certificate_ends_timestamp_seconds',
      'gauge',
      'When the certificate in use ends, s since 1970',
      [[{}, tls.endsAt / 1000]],
    )
    .family(
      'banyan_gateway_certificate_refused',
      'gauge',
      '1 while the files hold a certificate that cannot be used; the one before it stays in use',
      [[{}, Number(tls.refused)]],
    )
    .family(
      'banyan_gateway_tls_handshakes_failed_total',
      'counter',
      'Connections that did not come to a TLS session',
      [[{}, tls.handshakesFailed]],
    )
    .family('banyan_gateway_http2_connections', 'gauge', 'Connections of clients by HTTP/2', [
      [{}, tls.secondConnections],
    ])
    .family(
      'banyan_gateway_http2_flooded_total',
      'counter',
      'Connections that were ended since too many of their requests were taken back',
      [[{}, tls.flooded]],
    )
}
