import { Pool } from 'undici'
import type { HistoryFile, Observation, Outcome, Write } from './history.ts'
import { Random } from './random.ts'

/** One request a client wants to make, and what its answer will mean. */
export interface Step {
  readonly op: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  /** Bytes are sent as they are, all else as JSON. */
  readonly body?: unknown
  /** Whether it means to change data. */
  readonly writes: boolean
  /** Which answers are good; 200 to 299 by default. */
  accepts?(status: number): boolean
  /**
   * Called once, with what happened: changes the client's memory, and says what was written (or may
   * have been, when the outcome is unknown) and what was seen.
   */
  conclude(outcome: Outcome, answer: Answer | null): Conclusion
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}

export interface Conclusion {
  readonly writes?: readonly Write[]
  readonly reads?: readonly Observation[]
}

/** A client: one user, who does one thing after the other and remembers. */
export interface Client {
  readonly user: string
  /** Sent with each request. */
  readonly headers: Readonly<Record<string, string>>
  next(random: Random): Step
}

export interface LoadOptions {
  /** Base URLs of the gateways, at least one; the clients are spread over them. */
  readonly urls: readonly string[]
  readonly clients: readonly Client[]
  /** Requests a second, over all clients. */
  readonly rate: number
  /** It rises evenly to `rate` within this time, ms; 0 by default. */
  readonly rampMs?: number
  readonly seed: number
  readonly history: HistoryFile
  /** Connections at most; 128 by default. */
  readonly connections?: number
  /** A request that takes longer, ms, counts as broken; 30,000 by default. */
  readonly timeoutMs?: number
}

export interface LoadCounts {
  readonly sent: number
  /** Answered otherwise than the script accepts, or not at all. */
  readonly failed: number
  readonly acknowledgedWrites: number
  readonly reads: number
  /** Requests sent once more, by another gateway, since that could do no harm. */
  readonly repeated: number
  /** Requests that could not be sent when they were due, because every client was waiting. */
  readonly late: number
  /** Failures by operation and status, e.g. `create 503 HELD_TOO_LONG`. */
  readonly failures: Readonly<Record<string, number>>
  /** Newest answers' times, ms. */
  readonly recentMs: readonly number[]
}

/** Answers of 503 that say the request was not forwarded. */
const NOT_FORWARDED = new Set(['HELD_TOO_LONG', 'HOLD_QUEUE_FULL', 'LEASE_LOST', 'UPSTREAM_AWAY'])
const TICK_MS = 5
const RECENT = 1_000
/** Failures of a connection before a byte of the request was sent. */
const NOT_SENT = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT'])
/** A client whose request broke waits this long: nobody hammers a dead gateway thousands of times a second. */
const PAUSE_AFTER_BREAK_MS = 200

/** Whether a failure that was counted is a gateway's refusal: nothing of the request was forwarded. */
export function isRefusal(failure: string): boolean {
  return NOT_FORWARDED.has(failure.split(' ').at(-1)!)
}

/** How many requests are due `ms` after the beginning. */
export function dueAfter(ms: number, rate: number, rampMs: number): number {
  // As long as it rises: the area below a line from 0. Then half of the ramp is missing for good.
  const atFullRateMs = ms < rampMs ? ms ** 2 / (2 * rampMs) : ms - rampMs / 2
  return Math.floor((atFullRateMs / 1000) * rate)
}

/** A client, its luck, and the gateway it is using. */
interface Seat {
  readonly client: Client
  readonly random: Random
  at: number
}

interface Sent {
  readonly answer: Answer | null
  /** Why there is no answer. */
  readonly broke: string
}

/**
 * Clients that work at a set rate, whatever the answers take (open loop), each with one request at a
 * time so that its own history is sequential. A write is sent a second time, by another gateway, only
 * when the first certainly forwarded nothing; a read also when its answer never came.
 */
export class Load {
  readonly #options: LoadOptions
  readonly #pools: readonly Pool[]
  readonly #idle: Seat[]
  readonly #outstanding = new Set<Promise<void>>()
  readonly #recent: number[] = []
  readonly #failures: Record<string, number> = {}
  readonly #counts = { sent: 0, failed: 0, acknowledgedWrites: 0, reads: 0, late: 0, repeated: 0 }
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor(options: LoadOptions) {
    if (options.urls.length === 0) throw new RangeError('a load needs at least one gateway')
    if (options.clients.length === 0) throw new RangeError('a load needs at least one client')
    if (!(options.rate > 0)) throw new RangeError(`the rate must be above 0, given ${options.rate}`)
    const { rampMs = 0 } = options
    if (!(rampMs >= 0)) throw new RangeError(`rampMs must be 0 or more, given ${rampMs}`)
    this.#options = options
    this.#pools = options.urls.map(
      (url) =>
        new Pool(url, {
          connections: options.connections ?? 128,
          pipelining: 1,
          headersTimeout: options.timeoutMs ?? 30_000,
          bodyTimeout: options.timeoutMs ?? 30_000,
        }),
    )
    const random = new Random(options.seed)
    this.#idle = random.shuffled(options.clients).map((client, i) => ({
      client,
      random: new Random(`${options.seed}/${client.user}`),
      at: i % this.#pools.length,
    }))
  }

  get counts(): LoadCounts {
    return { ...this.#counts, failures: { ...this.#failures }, recentMs: [...this.#recent] }
  }

  start(): void {
    const begun = performance.now()
    const { rate, rampMs = 0 } = this.#options
    let due = 0
    this.#timer = setInterval(() => {
      const wanted = dueAfter(performance.now() - begun, rate, rampMs)
      for (; due < wanted; due++) {
        const next = this.#idle.shift()
        if (!next) {
          // Whoever is due now is not sent later in a burst; the schedule goes on.
          this.#counts.late++
          continue
        }
        const running = this.#one(next).then((broke) => {
          this.#outstanding.delete(running)
          if (!broke) this.#idle.push(next)
          else if (!this.#stopped) setTimeout(() => this.#idle.push(next), PAUSE_AFTER_BREAK_MS)
        })
        this.#outstanding.add(running)
      }
    }, TICK_MS)
  }

  /** Sends nothing more, and waits for the answers that are due. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer) clearInterval(this.#timer)
    await Promise.all(this.#outstanding)
    await Promise.all(this.#pools.map((pool) => pool.close()))
  }

  /** One request of one client; true when it was not answered. */
  async #one(seat: Seat): Promise<boolean> {
    const { client, random } = seat
    const step = client.next(random)
    const sentAt = Date.now()
    const begun = performance.now()
    this.#counts.sent++
    const { answer, broke } = await this.#sendSafely(seat, step)
    const outcome = answer === null ? 'unknown' : outcomeOf(step, answer)
    const { writes, reads } = step.conclude(outcome, answer)
    this.#options.history.add({
      user: client.user,
      op: step.op,
      sentAt,
      doneAt: Date.now(),
      status: answer?.status ?? null,
      outcome,
      ...(writes?.length ? { writes } : {}),
      ...(reads?.length ? { reads } : {}),
    })
    if (outcome === 'acknowledged') {
      if (step.writes) this.#counts.acknowledgedWrites++
      else this.#counts.reads++
      this.#recent.push(performance.now() - begun)
      if (this.#recent.length > RECENT) this.#recent.shift()
    } else {
      this.#counts.failed++
      const what = `${step.op} ${answer ? [answer.status, codeOf(answer)].filter(Boolean).join(' ') : broke}`
      this.#failures[what] = (this.#failures[what] ?? 0) + 1
    }
    return outcome === 'unknown'
  }

  async #sendSafely(seat: Seat, step: Step): Promise<Sent> {
    const first = await this.#send(seat, step)
    if (this.#pools.length === 1 || !failedAtGateway(first)) return first
    // Whatever becomes of this request: the next one goes to a gateway that may be better off.
    seat.at = (seat.at + 1) % this.#pools.length
    if (step.writes && !wasNotForwarded(first)) return first
    this.#counts.repeated++
    return this.#send(seat, step)
  }

  async #send({ client, at }: Seat, step: Step): Promise<Sent> {
    try {
      const response = await this.#pools[at]!.request({
        method: step.method,
        path: step.path,
        ...sentBody(step, client.headers),
      })
      const text = await response.body.text()
      return { answer: { status: response.statusCode, body: parse(text) }, broke: '' }
    } catch (error) {
      return { answer: null, broke: (error as NodeJS.ErrnoException).code ?? String(error) }
    }
  }
}

function sentBody({ body }: Step, headers: Client['headers']) {
  if (body === undefined) return { headers }
  const raw = body instanceof Uint8Array
  const type = raw ? 'application/octet-stream' : 'application/json'
  return {
    headers: { ...headers, 'content-type': type },
    body: raw ? body : JSON.stringify(body),
  }
}

/** The gateway is gone, stands still, or may not serve: another one might. */
function failedAtGateway({ answer }: Sent): boolean {
  return answer === null || codeOf(answer) === 'LEASE_LOST'
}

function wasNotForwarded({ answer, broke }: Sent): boolean {
  return answer === null ? NOT_SENT.has(broke) : codeOf(answer) === 'LEASE_LOST'
}

function outcomeOf(step: Step, answer: Answer): Outcome {
  const { status } = answer
  if (step.accepts ? step.accepts(status) : status >= 200 && status < 300) return 'acknowledged'
  if (status < 500) return 'refused'
  return status === 503 && NOT_FORWARDED.has(codeOf(answer) ?? '') ? 'refused' : 'unknown'
}

function codeOf(answer: Answer): string | undefined {
  const code = (answer.body as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return text
  }
}
