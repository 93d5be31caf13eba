/** How long to wait after a failure before trying again, ms. */
const AFTER_FAILURE_MS = 200

/**
 * Does one piece of work again and again: soon after each `poke`, and after `everyMs` without one, unless that is null.
 * Never twice at once; a poke while it runs makes it run once more. What fails is tried again.
 */
export class Repeated {
  readonly #work: () => Promise<void>
  readonly #everyMs: number | null
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> | null = null
  #again = false
  #stopped = false

  constructor(everyMs: number | null, work: () => Promise<void>) {
    this.#everyMs = everyMs
    this.#work = work
    this.#sleep(everyMs)
  }

  poke(): void {
    if (this.#stopped) return
    if (this.#running) this.#again = true
    else this.#running = this.#run()
  }

  /** Resolves when it does not run and will not run again. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
    await this.#running
  }

  async #run(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    let pauseMs = this.#everyMs
    do {
      this.#again = false
      try {
        await this.#work()
      } catch {
        pauseMs = Math.min(AFTER_FAILURE_MS, this.#everyMs ?? AFTER_FAILURE_MS)
        break
      }
    } while (this.#again && !this.#stopped)
    this.#running = null
    if (!this.#stopped) this.#sleep(pauseMs)
  }

  #sleep(ms: number | null): void {
    if (ms === null) return
    this.#timer = setTimeout(() => this.poke(), ms)
  }
}
