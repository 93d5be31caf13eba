import { CallError } from './call-error.ts'

/** One signal for both ends of a call: its caller leaves, or its time is over. */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #endsAt: number
  readonly #outer: AbortSignal | undefined
  readonly #leave = () => this.#controller.abort(this.#outer?.reason)

  constructor(upstream: string, timeoutMs: number, outer?: AbortSignal) {
    this.#outer = outer
    this.#endsAt = performance.now() + timeoutMs
    this.#timer = setTimeout(() => {
      const sick = { passing: true, sick: true }
      this.#controller.abort(new CallError('UPSTREAM_TIMEOUT', { upstream, timeoutMs }, sick))
    }, timeoutMs)
    if (outer?.aborted) this.#leave()
    else outer?.addEventListener('abort', this.#leave, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get leftMs(): number {
    return this.#endsAt - performance.now()
  }

  /** @throws the signal's reason when it aborts within. */
  async wait(ms: number): Promise<void> {
    const { signal } = this
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', end)
        resolve()
      }, ms)
      signal.addEventListener('abort', end, { once: true })
    })
  }

  /** Lets go of the timer and of the caller's signal, which may outlive many calls. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#leave)
  }
}
