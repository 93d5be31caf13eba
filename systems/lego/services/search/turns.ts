import type { Log } from '@banyan/service'

/** Between two turns when there is nothing to do, ms. */
const IDLE_MS = 250
/** After one that failed: something could not be reached, ms. */
const AWAY_MS = 1_000

export interface TurnsOptions {
  readonly log: Log
  /** What is logged when turns begin to fail, and when they go well again. */
  readonly failing: string
  readonly again: string
  /** One turn of the work. @returns whether there may be more at once */
  turn(): Promise<boolean>
}

/** Work that is done in turns for as long as the process runs, whatever fails. */
export class Turns {
  readonly #options: TurnsOptions
  readonly #end = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(options: TurnsOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Lets the turn that runs finish. */
  async stop(): Promise<void> {
    this.#end.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { log, failing: problem, again, turn } = this.#options
    let failing = false
    while (!this.#end.signal.aborted) {
      let pause = IDLE_MS
      try {
        if (await turn()) pause = 0
        if (failing) log.info(again)
        failing = false
      } catch (error) {
        if (!failing) log.warn({ reason: String(error) }, problem)
        failing = true
        pause = AWAY_MS
      }
      await this.#pause(pause)
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#end
    if (ms === 0 || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms)
      function done() {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done)
    })
  }
}
