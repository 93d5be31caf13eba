import { TookTooLong } from './together.ts'

/**
 * The time that one piece of work has. Its signal is made when it is asked for: most work never does, and
 * it would cost more than all the rest here.
 */
export class TimeLimit {
  /** On the clock of `performance.now()`. */
  readonly endsAt: number
  readonly #ms: number
  readonly #what: string
  readonly #reject: (error: Error) => void
  #controller: AbortController | undefined
  #over: Error | undefined

  /** `reject` is called when the time is up, or it is cut off. */
  constructor(ms: number, what: string, reject: (error: Error) => void) {
    this.#ms = Math.max(0, ms)
    this.endsAt = performance.now() + this.#ms
    this.#what = what
    this.#reject = reject
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#over) this.#controller.abort(this.#over)
    return this.#controller.signal
  }

  cutOff(why = `took longer than ${Math.round(this.#ms)} ms`): void {
    this.#over = new TookTooLong(`${this.#what} ${why}`)
    this.#reject(this.#over)
    this.#controller?.abort(this.#over)
  }
}

const STOPS = 'was cut off: its runner stops'

/**
 * How often it is looked for work whose time is up, ms. One timer for all: of tens of thousands a second hardly any piece of
 * work needs its own, and they would be a tenth of what a step costs.
 */
const LOOK_MS = 20

/** Limits the time of each piece of work, and ends all of them when their runner has to. */
export class CutOff {
  readonly #running = new Set<TimeLimit>()
  #timer: NodeJS.Timeout | undefined
  #ended = false

  /** Cuts off what runs now; nothing is begun any more. */
  end(): void {
    this.#ended = true
    for (const limit of this.#running) this.#cutOff(limit, STOPS)
  }

  /**
   * Runs work that has `ms` at most, and up to `LOOK_MS` more; the signal it can ask for aborts when the time is up, or at `end`.
   * Whether the work listens to it or not, the caller goes on.
   *
   * @throws TookTooLong, or what the work threw.
   */
  within<T>(ms: number, what: string, work: (limit: TimeLimit) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => this.carry(ms, what, work, resolve, reject))
  }

  /**
   * As `within`, without a promise of its own: `done` or `failed` is called, once, and must not throw. For who makes these
   * functions once for many pieces of work.
   */
  carry<T>(
    ms: number,
    what: string,
    work: (limit: TimeLimit) => Promise<T>,
    done: (answer: T) => void,
    failed: (error: unknown) => void,
  ): void {
    const limit = new TimeLimit(ms, what, failed)
    if (this.#ended) {
      limit.cutOff(STOPS)
      return
    }
    this.#running.add(limit)
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS)
    // What was cut off is no longer among them: its answer comes too late.
    begun(work, limit).then(
      (answer) => {
        if (this.#running.delete(limit)) done(answer)
      },
      (error) => {
        if (this.#running.delete(limit)) failed(error)
      },
    )
  }

  #look(): void {
    const now = performance.now()
    for (const limit of this.#running) if (now >= limit.endsAt) this.#cutOff(limit)
    if (this.#running.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #cutOff(limit: TimeLimit, why?: string): void {
    this.#running.delete(limit)
    limit.cutOff(why)
  }
}

/** The work, also where it throws before it is a promise, or is none. */
function begun<T>(work: (limit: TimeLimit) => Promise<T>, limit: TimeLimit): Promise<T> {
  try {
    return Promise.resolve(work(limit))
  } catch (error) {
    return Promise.reject(error)
  }
}
