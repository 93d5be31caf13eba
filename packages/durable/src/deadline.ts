import { TookTooLong } from './together.ts'

/** Limits the time of each piece of work, and ends all of them when their runner has to. */
export class CutOff {
  readonly #running = new Set<() => void>()
  #ended = false

  /** Cuts off what runs now, and whatever is begun later. */
  end(): void {
    this.#ended = true
    for (const stop of [...this.#running]) stop()
  }

  /**
   * Runs work that has `ms` at most. Its signal aborts when the time is up, or at `end`; whether the work
   * listens to it or not, the caller goes on. The signal is made when it is asked for: most work never
   * does, and it would cost more than all the rest here.
   *
   * @throws TookTooLong, or what the work threw.
   */
  async within<T>(
    ms: number,
    what: string,
    work: (signal: () => AbortSignal) => Promise<T>,
  ): Promise<T> {
    let controller: AbortController | undefined
    let over: Error | undefined
    const signal = () => {
      controller ??= new AbortController()
      if (over) controller.abort(over)
      return controller.signal
    }
    let stop = () => {}
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<T>((resolve, reject) => {
        const abort = (why: string) => {
          over = new TookTooLong(`${what} ${why}`)
          reject(over)
          controller?.abort(over)
        }
        stop = () => abort('was cut off: its runner stops')
        const left = Math.max(0, ms)
        timer = setTimeout(() => abort(`took longer than ${Math.round(left)} ms`), left)
        this.#running.add(stop)
        if (this.#ended) stop()
        work(signal).then(resolve, reject)
      })
    } finally {
      clearTimeout(timer)
      this.#running.delete(stop)
    }
  }
}
