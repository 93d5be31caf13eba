import { TookTooLong } from './together.ts'

/**
 * The time that one piece of work has. Its signal is made when it is asked for: most work never does, and
 * it would cost more than all the rest here.
 */
export class TimeLimit {
  readonly #ms: number
  readonly #what: string
  readonly #reject: (error: Error) => void
  readonly #running: Set<TimeLimit>
  readonly #timer: NodeJS.Timeout
  #controller: AbortController | undefined
  #over: Error | undefined

  /** Is among `running` until it ends; `reject` is called when the time is up, or it is cut off. */
  constructor(ms: number, what: string, reject: (error: Error) => void, running: Set<TimeLimit>) {
    this.#ms = Math.max(0, ms)
    this.#what = what
    this.#reject = reject
    this.#running = running
    this.#timer = setTimeout(expire, this.#ms, this)
    running.add(this)
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#over) this.#controller.abort(this.#over)
    return this.#controller.signal
  }

  get ms(): number {
    return this.#ms
  }

  cutOff(why: string): void {
    this.end()
    this.#over = new TookTooLong(`${this.#what} ${why}`)
    this.#reject(this.#over)
    this.#controller?.abort(this.#over)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#running.delete(this)
  }
}

function expire(limit: TimeLimit): void {
  limit.cutOff(`took longer than ${Math.round(limit.ms)} ms`)
}

const STOPS = 'was cut off: its runner stops'

/** Limits the time of each piece of work, and ends all of them when their runner has to. */
export class CutOff {
  readonly #running = new Set<TimeLimit>()
  #ended = false

  /** Cuts off what runs now, and whatever is begun later. */
  end(): void {
    this.#ended = true
    for (const limit of [...this.#running]) limit.cutOff(STOPS)
  }

  /**
   * Runs work that has `ms` at most; the signal it can ask for aborts when the time is up, or at `end`.
   * Whether the work listens to it or not, the caller goes on.
   *
   * @throws TookTooLong, or what the work threw.
   */
  within<T>(ms: number, what: string, work: (limit: TimeLimit) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const limit = new TimeLimit(ms, what, reject, this.#running)
      if (this.#ended) limit.cutOff(STOPS)
      begun(work, limit).then(
        (answer) => {
          limit.end()
          resolve(answer)
        },
        (error) => {
          limit.end()
          reject(error)
        },
      )
    })
  }
}

/** The work, also where it throws before it is a promise. */
function begun<T>(work: (limit: TimeLimit) => Promise<T>, limit: TimeLimit): Promise<T> {
  try {
    return work(limit)
  } catch (error) {
    return Promise.reject(error)
  }
}
