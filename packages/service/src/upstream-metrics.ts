import type { CircuitState } from '@banyan/contracts'
import { Counter, Histogram } from 'prom-client'
import type { CallReport } from './client/client.ts'
import { LATENCY_BOUNDS_S, type Metrics } from './metrics.ts'

/** What is read of a client when somebody looks. */
interface Watched {
  readonly circuit: CircuitState
  readonly load: { readonly running: number; readonly waiting: number }
}

const STATES: readonly CircuitState[] = ['closed', 'half-open', 'open']

/** Calls to other services, as Prometheus reads them. */
export class UpstreamMetrics {
  readonly #watched = new Map<string, Watched>()
  readonly #calls: Counter<'upstream' | 'route' | 'outcome'>
  readonly #retries: Counter<'upstream' | 'route'>
  readonly #durations: Histogram<'upstream' | 'route'>
  readonly #opened: Counter<'upstream'>

  constructor(metrics: Metrics) {
    const registers = [metrics.registry]
    this.#calls = new Counter({
      name: 'upstream_calls_total',
      help: 'Calls to other services that ended: "ok", "aborted", or a code of the error catalogue',
      labelNames: ['upstream', 'route', 'outcome'],
      registers,
    })
    this.#retries = new Counter({
      name: 'upstream_call_retries_total',
      help: 'Requests sent beyond the first of each call',
      labelNames: ['upstream', 'route'],
      registers,
    })
    this.#durations = new Histogram({
      name: 'upstream_call_duration_seconds',
      help: 'From the call to its end, waits and retries included',
      labelNames: ['upstream', 'route'],
      buckets: LATENCY_BOUNDS_S,
      registers,
    })
    this.#opened = new Counter({
      name: 'upstream_circuit_opened_total',
      help: 'Times that a circuit was opened',
      labelNames: ['upstream'],
      registers,
    })
    metrics.gauge(
      'upstream_circuit_state',
      '1 for the state that the circuit is in',
      () =>
        this.#each((upstream, { circuit }) =>
          STATES.map((state) => ({
            labels: { upstream, state },
            value: Number(state === circuit),
          })),
        ),
      ['upstream', 'state'],
    )
    metrics.gauge(
      'upstream_calls_in_flight',
      'Calls that run, and that wait for one of them to end',
      () =>
        this.#each((upstream, { load: { running, waiting } }) => [
          { labels: { upstream, state: 'running' }, value: running },
          { labels: { upstream, state: 'waiting' }, value: waiting },
        ]),
      ['upstream', 'state'],
    )
  }

  watch(upstream: string, client: Watched): void {
    this.#watched.set(upstream, client)
    this.#opened.inc({ upstream }, 0)
  }

  count(upstream: string, { route, outcome, attempts, durationMs }: CallReport): void {
    this.#calls.inc({ upstream, route, outcome })
    if (attempts > 1) this.#retries.inc({ upstream, route }, attempts - 1)
    this.#durations.observe({ upstream, route }, durationMs / 1000)
  }

  opened(upstream: string): void {
    this.#opened.inc({ upstream })
  }

  #each<V>(read: (upstream: string, client: Watched) => V[]): V[] {
    return [...this.#watched].flatMap(([upstream, client]) => read(upstream, client))
  }
}
