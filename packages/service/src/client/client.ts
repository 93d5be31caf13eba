import {
  BanyanError,
  CircuitBreaker,
  type CircuitOptions,
  type CircuitState,
  RetryBudget,
  withJitter,
} from '@banyan/contracts'
import type { Dispatcher } from 'undici'
import type { ServiceTokens } from '../tokens/service-tokens.ts'
import { plainAgent } from './agent.ts'
import {
  type AnswerOf,
  type Api,
  type ApiRoutes,
  type ArgumentsOf,
  bytes,
  type RouteDescription,
} from './api.ts'
import { attempt } from './attempt.ts'
import { Bulkhead, type BulkheadOptions } from './bulkhead.ts'
import { CallError } from './call-error.ts'
import {
  type AnyArguments,
  type CallContext,
  type CallRequest,
  contextOfScope,
  IDEMPOTENCY_HEADER,
  requestOf,
  withHeader,
  withServiceToken,
} from './call-request.ts'
import { Deadline } from './deadline.ts'
import { RETRY_DEFAULTS, type RetryOptions } from './retry.ts'

export interface ClientOptions {
  /** Where the service answers, e.g. `http://127.0.0.1:9100`; no path. */
  readonly baseUrl: string
  /** Signs which service calls; without it calls carry no service token. */
  readonly tokens?: Pick<ServiceTokens, 'for'>
  /** For routes that say nothing themselves, ms; 5,000 by default, 30,000 for files. */
  readonly timeoutMs?: number
  readonly bulkhead?: Partial<BulkheadOptions>
  readonly retry?: Partial<RetryOptions>
  readonly circuit?: Partial<CircuitOptions>
  /** An answer larger than this, bytes, is refused; 10 MiB by default. */
  readonly answerBytes?: number
  /** Carries the requests; an agent of the client's own by default. See `mutualTlsAgent`. */
  readonly dispatcher?: Dispatcher
  /** Put around each call, retries included: for a span, or a scope. */
  readonly around?: <T>(route: string, run: () => Promise<T>) => Promise<T>
  /** Told of each call when it has ended, for metrics and logs. */
  readonly onCall?: (report: CallReport) => void
  /** Told when the circuit opens, half-opens or closes. */
  readonly onCircuit?: (state: CircuitState) => void
  /** ms on a monotonic clock, and 0 to 1; for tests. */
  readonly now?: () => number
  readonly random?: () => number
}

export interface CallReport {
  readonly api: string
  readonly route: string
  /** `ok`, `aborted` by its caller, or a code of the catalogue. */
  readonly outcome: string
  /** Of the last answer; null when none came. */
  readonly status: number | null
  /** Requests sent. */
  readonly attempts: number
  readonly durationMs: number
}

export interface CallOptions {
  /** Ends the call and the request under way. */
  readonly signal?: AbortSignal
  /** What the call carries on; of the request that is being answered by default. */
  readonly context?: CallContext
  /** Makes a POST safe to repeat: the service answers a key it has seen as it did before. `true` makes one up. */
  readonly idempotencyKey?: string | true
  readonly timeoutMs?: number
}

type Call<R extends RouteDescription> =
  Record<never, never> extends ArgumentsOf<R>
    ? (args?: ArgumentsOf<R>, options?: CallOptions) => Promise<AnswerOf<R>>
    : (args: ArgumentsOf<R>, options?: CallOptions) => Promise<AnswerOf<R>>

export type Client<R extends ApiRoutes> = { readonly [N in keyof R]: Call<R[N]> } & {
  /** Whether the service is being asked. */
  readonly circuit: CircuitState
  /** Calls under way, and those that wait for one of them to end. */
  readonly load: { readonly running: number; readonly waiting: number }
  /** Ends the connections once the calls under way are answered. */
  close(): Promise<void>
}

const TIMEOUT_MS = 5_000
const FILE_TIMEOUT_MS = 30_000
const ANSWER_BYTES = 10 * 1024 * 1024
/** Repeated without effect: RFC 9110, 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE'])

/**
 * A client with one method a route. Each resolves to the answer of its 2xx and throws a CallError for
 * all else, within its timeout, retries included.
 */
export function createClient<R extends ApiRoutes>(api: Api<R>, options: ClientOptions): Client<R> {
  const caller = new Caller(api, options)
  const calls = Object.keys(api.routes).map((name) => [
    name,
    (args: AnyArguments = {}, given: CallOptions = {}) => caller.call(name, args, given),
  ])
  const client = Object.fromEntries(calls)
  Object.defineProperty(client, 'circuit', { get: () => caller.circuit.state })
  Object.defineProperty(client, 'load', { get: () => caller.load })
  return Object.assign(client, { close: () => caller.close() }) as Client<R>
}

class Caller {
  readonly circuit: CircuitBreaker
  readonly #api: Api
  readonly #options: ClientOptions
  readonly #origin: string
  readonly #retry: RetryOptions
  readonly #budget: RetryBudget
  readonly #bulkhead: Bulkhead
  readonly #dispatcher: Dispatcher
  readonly #now: () => number

  constructor(api: Api, options: ClientOptions) {
    this.#api = api
    this.#options = options
    this.#origin = new URL(options.baseUrl).origin
    this.#retry = { ...RETRY_DEFAULTS, ...options.retry }
    this.#budget = new RetryBudget(this.#retry)
    this.#bulkhead = new Bulkhead(options.bulkhead ?? {})
    this.#now = options.now ?? (() => performance.now())
    this.circuit = new CircuitBreaker(options.circuit ?? {}, this.#now, options.onCircuit)
    this.#dispatcher = options.dispatcher ?? plainAgent(options.bulkhead?.concurrency)
  }

  get load(): { running: number; waiting: number } {
    const { running, waiting } = this.#bulkhead
    return { running, waiting }
  }

  call(name: string, args: AnyArguments, options: CallOptions): Promise<unknown> {
    const run = () => this.#call(name, args, options)
    return this.#options.around ? this.#options.around(name, run) : run()
  }

  async #call(name: string, args: AnyArguments, options: CallOptions): Promise<unknown> {
    const route = this.#api.routes[name]!
    const upstream = `${this.#api.name}.${name}`
    const timeoutMs = options.timeoutMs ?? route.timeoutMs ?? this.#timeoutOf(route)
    const startedAt = this.#now()
    const deadline = new Deadline(upstream, timeoutMs, options.signal)
    const progress = { attempts: 0 }
    let failure: unknown = null
    try {
      const request = this.#requestOf(route, args, options)
      if (!(await this.#bulkhead.enter(deadline.signal))) throw this.#tooMany(upstream)
      try {
        return await this.#tries(request, route, upstream, deadline, progress)
      } finally {
        this.#bulkhead.leave()
      }
    } catch (error) {
      failure = error
      throw error
    } finally {
      deadline.clear()
      const outcome = outcomeOf(failure, options.signal)
      const status = failure instanceof CallError ? statusOf(failure) : null
      const durationMs = this.#now() - startedAt
      this.#options.onCall?.({
        api: this.#api.name,
        route: name,
        outcome,
        status,
        ...progress,
        durationMs,
      })
    }
  }

  async close(): Promise<void> {
    if (!this.#options.dispatcher) await this.#dispatcher.close()
  }

  async #tries(
    request: CallRequest,
    route: RouteDescription,
    upstream: string,
    deadline: Deadline,
    progress: { attempts: number },
  ): Promise<unknown> {
    const repeatable =
      route.idempotent ?? (IDEMPOTENT.has(route.method) || IDEMPOTENCY_HEADER in request.headers)
    this.#budget.earn()
    let last: CallError | null = null
    for (;;) {
      const settle = this.circuit.enter()
      // The failure that opened the circuit says more than that it is open.
      if (!settle) throw last ?? this.#circuitOpen(upstream)
      progress.attempts++
      try {
        const value = await this.#send(request, route, upstream, deadline.signal)
        settle('well')
        return value
      } catch (error) {
        const timedOut = error instanceof CallError && error.code === 'UPSTREAM_TIMEOUT'
        settle(!(error instanceof CallError) ? 'unknown' : error.judgement.sick ? 'failed' : 'well')
        if (!(error instanceof CallError) || timedOut) throw error
        last = error
      }
      const { passing, unsent, retryAfterMs } = last.judgement
      const delay = this.#retry.delaysMs[progress.attempts - 1]
      if (delay === undefined || !passing || !(repeatable || unsent)) throw last
      const wait = Math.max(
        withJitter(delay, this.#options.random ?? Math.random),
        retryAfterMs ?? 0,
      )
      if (wait >= deadline.leftMs || !this.#budget.spend()) throw last
      await deadline.wait(wait)
    }
  }

  async #send(
    request: CallRequest,
    route: RouteDescription,
    upstream: string,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { tokens, answerBytes = ANSWER_BYTES } = this.#options
    const sent = tokens ? withServiceToken(request, await tokens.for(this.#api.name)) : request
    const [dispatcher, origin] = [this.#dispatcher, this.#origin]
    return attempt(sent, { dispatcher, origin, upstream, route, answerBytes }, signal)
  }

  #requestOf(route: RouteDescription, args: AnyArguments, options: CallOptions): CallRequest {
    const context = options.context ?? contextOfScope()
    const request = requestOf(this.#api, route, args, context)
    const { idempotencyKey } = options
    if (idempotencyKey === undefined) return request
    const key = idempotencyKey === true ? crypto.randomUUID() : idempotencyKey
    return withHeader(request, IDEMPOTENCY_HEADER, key)
  }

  #timeoutOf(route: RouteDescription): number {
    if (this.#options.timeoutMs !== undefined) return this.#options.timeoutMs
    const file = route.body === bytes || Object.values(route.response).includes(bytes)
    return file ? FILE_TIMEOUT_MS : TIMEOUT_MS
  }

  #tooMany(upstream: string): CallError {
    const { running, waiting } = this.#bulkhead
    const values = { upstream, running, waiting }
    return new CallError('TOO_MANY_CALLS', values, { passing: false, sick: false })
  }

  #circuitOpen(upstream: string): CallError {
    const { counts, waitMs } = this.circuit
    const values = { upstream, ...counts, waitMs }
    return new CallError('CIRCUIT_OPEN', values, { passing: false, sick: false })
  }
}

function outcomeOf(failure: unknown, signal: AbortSignal | undefined): string {
  if (failure === null) return 'ok'
  if (failure instanceof BanyanError) return failure.code
  return signal?.aborted ? 'aborted' : 'INTERNAL'
}

function statusOf({ answer, values }: CallError): number | null {
  return answer?.status ?? (typeof values.answered === 'number' ? values.answered : null)
}
