/** Where sockets say that something has happened, and a run waits for what it is about. */
export class Board {
  readonly #waiting = new Set<() => void>()

  changed(): void {
    for (const look of this.#waiting) look()
  }

  /** Waits until `check` holds. @returns false when it did not within `limitMs`. */
  until(check: () => boolean, limitMs: number): Promise<boolean> {
    if (check()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const end = (held: boolean) => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve(held)
      }
      const look = () => {
        if (check()) end(true)
      }
      const timer = setTimeout(() => end(false), limitMs)
      this.#waiting.add(look)
    })
  }
}
