import { CircuitBreaker, type Log, type Metrics } from '@banyan/service'
import type { FedEngine, SearchEngine } from './engine.ts'
import type { PostgresEngine } from './postgres-engine.ts'

export interface Answered<R> {
  readonly answer: R
  readonly engine: SearchEngine['name']
  /** Whether another engine should have answered. */
  readonly degraded: boolean
}

/** Asks the outside engine while it is well, and our own table else. */
export class Searcher {
  readonly #own: PostgresEngine
  readonly #outside: FedEngine | null
  readonly #breaker: CircuitBreaker
  readonly #log: Log
  readonly #fallbacks: { inc(): void }

  constructor(
    engines: { readonly own: PostgresEngine; readonly outside: FedEngine | null },
    { log, metrics }: { readonly log: Log; readonly metrics: Metrics },
  ) {
    this.#own = engines.own
    this.#outside = engines.outside
    this.#log = log
    // Half of the last 10 s' searches, of 10 at least; then one tries again after 5 s.
    this.#breaker = new CircuitBreaker(
      {},
      () => performance.now(),
      (state) => {
        log.warn({ circuit: state }, 'the circuit of the search engine changed')
      },
    )
    this.#fallbacks = metrics.counter(
      'search_fallbacks_total',
      'Searches that the database answered because the search engine could not',
    )
    if (engines.outside === null) return
    metrics.gauge('search_circuit_open', 'Whether the search engine is not being asked', () => [
      { value: this.#breaker.state === 'closed' ? 0 : 1 },
    ])
  }

  /** @throws what the database says, when that fails too */
  async ask<R>(question: (engine: SearchEngine) => Promise<R>): Promise<Answered<R>> {
    const outside = this.#outside
    if (outside === null) return this.askOwn(question, false)
    const settle = this.#breaker.enter()
    if (settle) {
      try {
        const answer = await question(outside)
        settle('well')
        return { answer, engine: outside.name, degraded: false }
      } catch (error) {
        settle('failed')
        this.#log.warn({ reason: String(error) }, 'the search engine failed; the database answers')
      }
    }
    this.#fallbacks.inc()
    return this.askOwn(question, true)
  }

  /** Asks the database, for what the outside engine is not made for. */
  async askOwn<R>(
    question: (engine: PostgresEngine) => Promise<R>,
    degraded = false,
  ): Promise<Answered<R>> {
    return { answer: await question(this.#own), engine: this.#own.name, degraded }
  }
}
