/** Promises that wait for something of a name, each with a deadline. */
export class Waiters {
  readonly #waiting = new Map<string, Set<(value: boolean) => void>>()

  /** True when `name` was announced within the time, ms. */
  wait(name: string, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const set = this.#waiting.get(name) ?? new Set()
      this.#waiting.set(name, set)
      const done = (value: boolean) => {
        clearTimeout(timer)
        set.delete(done)
        if (set.size === 0) this.#waiting.delete(name)
        resolve(value)
      }
      const timer = setTimeout(() => done(false), timeoutMs)
      set.add(done)
    })
  }

  /** Nothing will be announced any more. */
  giveUp(): void {
    for (const set of [...this.#waiting.values()]) for (const done of [...set]) done(false)
  }

  announce(name: string): void {
    for (const done of [...(this.#waiting.get(name) ?? [])]) done(true)
  }
}
