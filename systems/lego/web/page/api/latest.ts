/**
 * Sends what is wanted, one at a time: what comes while one is under way replaces what waits, since only the newest
 * counts. For what is dragged about, or clicked faster than answers come.
 */
export class Latest<T> {
  readonly #send: (wanted: T) => Promise<void>
  #waiting: { readonly wanted: T } | null = null
  #running = false

  /** @param send must not reject: it deals with what goes wrong, and knows by `hasNewer` whether it still matters. */
  constructor(send: (wanted: T) => Promise<void>) {
    this.#send = send
  }

  /** Whether something newer waits for its turn. */
  get hasNewer(): boolean {
    return this.#waiting !== null
  }

  ask(wanted: T): void {
    this.#waiting = { wanted }
    if (!this.#running) void this.#run()
  }

  /** What waits is not wanted any more. */
  drop(): void {
    this.#waiting = null
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#waiting) {
      const { wanted } = this.#waiting
      this.#waiting = null
      await this.#send(wanted)
    }
    this.#running = false
  }
}
