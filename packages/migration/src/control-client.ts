import { BanyanError, type Problem, type RouteTable } from '@banyan/contracts'
import { Agent, fetch, type Response } from 'undici'
import type { ActionRequest, ArchivedRequest, RepairRequest, RetireRequest } from './requests.ts'
import { readServerSentEvents } from './server-sent-events.ts'
import type {
  Action,
  ControlEvent,
  ControlStatus,
  ExtractionStatus,
  LedgerEntry,
  RepairAnswer,
  Retirement,
  Role,
  Why,
} from './status.ts'

export interface ControlClientOptions {
  /** Base URLs of engines: any of them answers, so the first that can be reached is asked. */
  readonly urls: readonly string[]
  /** Bearer token of the plan. */
  readonly token: string
  /** How long one answer may take, ms; 10,000 by default. */
  readonly timeoutMs?: number
}

/** What the control plane answered instead of what was asked for. */
export class ControlError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.name = 'ControlError'
    this.problem = problem
  }
}

interface LinkRequest {
  readonly name: string
  readonly role: Role
}

/** A quiet event stream is opened anew after this long, ms: a half-open connection says nothing for ever. */
const QUIET_MS = 60_000
/** Waits between attempts to reconnect, ms; the last one repeats. */
const RECONNECT_MS = [100, 250, 500, 1000, 2000]

/**
 * Talks to the control API.
 *
 * Every call throws `ControlError` for an answer that is a problem, and BanyanError
 * CONTROL_UNREACHABLE when nobody answers.
 */
export class ControlClient {
  readonly #urls: readonly string[]
  readonly #token: string
  readonly #timeoutMs: number

  constructor(options: ControlClientOptions) {
    this.#urls = options.urls.map((url) => url.replace(/\/+$/, ''))
    this.#token = options.token
    this.#timeoutMs = options.timeoutMs ?? 10_000
  }

  status(): Promise<ControlStatus> {
    return this.#ask<ControlStatus>('/v1/status')
  }

  extraction(name: string): Promise<ExtractionStatus> {
    return this.#ask<ExtractionStatus>(`/v1/extractions/${encodeURIComponent(name)}`)
  }

  why(name: string): Promise<Why> {
    return this.#ask(`/v1/extractions/${encodeURIComponent(name)}/why`)
  }

  /** Entries after `seq`, of all extractions where none is named; and whether the whole chain holds. */
  ledger(name: string | null, after = 0): Promise<{ entries: LedgerEntry[]; verified: boolean }> {
    const of = name === null ? '' : `/extractions/${encodeURIComponent(name)}`
    return this.#ask(`/v1${of}/ledger?after=${after}`)
  }

  /** Asks for an action; it is decided when this resolves, and done by the engine thereafter. */
  act(name: string, action: Action, request: ActionRequest = {}): Promise<ExtractionStatus> {
    return this.#ask(`/v1/extractions/${encodeURIComponent(name)}/${action}`, request)
  }

  /**
   * The state now and every change of it, for as long as `signal` lets it: a lost connection is opened
   * anew, which begins with the state at that moment.
   *
   * @param onLost called when the connection is lost, with why.
   * @throws CONTROL_UNREACHABLE when the *first* connection fails; ControlError at any time.
   */
  async *follow(
    signal: AbortSignal,
    onLost: (error: Error) => void = () => {},
  ): AsyncGenerator<ControlEvent> {
    let failures = 0
    let connected = false
    while (!signal.aborted) {
      try {
        for await (const event of this.#events(signal)) {
          connected = true
          failures = 0
          yield event
        }
        // An engine that stops ends its streams.
        if (!signal.aborted) onLost(new Error('the control plane ended the stream'))
      } catch (error) {
        if (signal.aborted) return
        const passing = connected && (!(error instanceof ControlError) || isPassing(error))
        if (!passing) throw error
        if (failures === 0 && !isQuiet(error)) onLost(error as Error)
      }
      await pause(RECONNECT_MS[Math.min(failures++, RECONNECT_MS.length - 1)]!, signal)
    }
  }

  async *#events(signal: AbortSignal): AsyncGenerator<ControlEvent> {
    const agent = new Agent({ bodyTimeout: QUIET_MS, headersTimeout: this.#timeoutMs })
    try {
      const response = await this.#send('/v1/events', { signal, dispatcher: agent })
      for await (const { event, data } of readServerSentEvents(response.body!)) {
        if (event !== 'status' && event !== 'ledger') continue
        yield { event, data: JSON.parse(data) } as ControlEvent
      }
    } finally {
      await agent.destroy()
    }
  }

  /** Makes one row on the side that does not own it what it is on its owner's. Resolves when it is done. */
  repair(name: string, request: RepairRequest): Promise<RepairAnswer> {
    return this.#ask(`/v1/extractions/${encodeURIComponent(name)}/repair`, request)
  }

  /** Says that the source's tables are archived. */
  archived(name: string, request: ArchivedRequest): Promise<ExtractionStatus> {
    return this.#ask(`/v1/extractions/${encodeURIComponent(name)}/archived`, request)
  }

  /** Makes a link of the console that signs somebody in, once. @param name for the ledger. */
  async signInLink(
    name: string,
    role: Role = 'operator',
  ): Promise<{ path: string; seconds: number }> {
    return this.#ask('/console/links', { name, role })
  }

  /** The gateways send nothing to the monolith any more, or do so again. */
  retire(request: RetireRequest = {}): Promise<Retirement> {
    return this.#ask('/v1/retire', request)
  }

  /** The route table that every gateway is given; null before the first. */
  async routeTable(): Promise<RouteTable | null> {
    return (await this.#ask<{ table: RouteTable | null }>('/v1/table')).table
  }

  async #ask<T>(
    path: string,
    body?: ActionRequest | RepairRequest | ArchivedRequest | RetireRequest | LinkRequest,
  ): Promise<T> {
    const response = await this.#send(
      path,
      body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) },
    )
    return (await response.json()) as T
  }

  /** Asks one engine after the other until one can be reached. */
  async #send(
    path: string,
    init: { signal?: AbortSignal; method?: string; body?: string; dispatcher?: Agent },
  ): Promise<Response> {
    const reasons: string[] = []
    for (const url of this.#urls) {
      try {
        const response = await fetch(url + path, {
          // A limit for each: an engine that stands still must not use up the time of the next.
          signal: AbortSignal.timeout(this.#timeoutMs),
          ...init,
          headers: {
            authorization: `Bearer ${this.#token}`,
            ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
          },
        })
        if (!response.ok) throw new ControlError(await problemOf(response, url))
        return response
      } catch (error) {
        if (error instanceof ControlError) throw error
        reasons.push(`${url}: ${reasonOf(error)}`)
        // The request may have arrived: asking another engine could do an action twice.
        if (init.method === 'POST' && !wasRefused(error)) break
      }
    }
    throw new BanyanError('CONTROL_UNREACHABLE', {
      urls: this.#urls.join(', '),
      reason: reasons.join('; '),
    })
  }
}

async function problemOf(response: Response, url: string): Promise<Problem> {
  const text = await response.text()
  try {
    const problem = JSON.parse(text) as Problem
    if (typeof problem.code === 'string' && typeof problem.detail === 'string') return problem
  } catch {
    // Not JSON: something else listens there.
  }
  return new BanyanError('CONTROL_FAILED', {
    reason: `${url} answered ${response.status} and no problem+json: is it a control plane? ${text.slice(0, 200)}`,
  }).toProblem()
}

interface Failure {
  readonly code?: string
  readonly message?: string
  readonly errors?: readonly Failure[]
  readonly cause?: Failure
}

function reasonOf(error: unknown): string {
  const inner = (error as Failure).cause ?? (error as Failure)
  return (
    inner.message || inner.errors?.map((one) => one.message).join('; ') || inner.code || 'failed'
  )
}

function wasRefused(error: unknown): boolean {
  const inner = (error as Failure).cause
  const codes = [inner?.code, ...(inner?.errors?.map((one) => one.code) ?? [])]
  return codes.some((code) =>
    ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'].includes(code ?? ''),
  )
}

/** An engine that starts or stops answers so for a moment. */
function isPassing(error: ControlError): boolean {
  return error.problem.status >= 500
}

function isQuiet(error: unknown): boolean {
  return (error as Failure).cause?.code === 'UND_ERR_BODY_TIMEOUT'
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
