/** A write that was not answered may still be done: for so long nothing of its user is kept, ms. */
const UNSURE_MS = 60_000
/** Names of users and rows whose last write is unsure; beyond that nothing of anybody is kept for as long. */
const UNSURE = 10_000

/** Who is writing, and what: a read meanwhile may see the rows as they were before. */
export class Writers {
  readonly #now: () => number
  /** Writes that are not over, by user or rows. */
  readonly #writing = new Map<string, number>()
  /** Until when nothing is known, oldest first, on the gateway's clock, ms. */
  readonly #unsure = new Map<string, number>()
  #allUnsureUntil = Number.NEGATIVE_INFINITY

  constructor(now: () => number) {
    this.#now = now
  }

  isWriting(user: string, rows: string): boolean {
    const now = this.#now()
    if (now < this.#allUnsureUntil) return true
    return [userName(user), rowsName(rows)].some(
      (name) => this.#writing.has(name) || now < (this.#unsure.get(name) ?? 0),
    )
  }

  /** @returns to be called when it is over; `sure` when it was answered. */
  begin(user: string | null, rows: string | null): (sure: boolean) => void {
    const names = [
      ...(user === null ? [] : [userName(user)]),
      ...(rows === null ? [] : [rowsName(rows)]),
    ]
    for (const name of names) this.#writing.set(name, (this.#writing.get(name) ?? 0) + 1)
    let over = false
    return (sure) => {
      if (over) return
      over = true
      for (const name of names) {
        const left = this.#writing.get(name)! - 1
        if (left === 0) this.#writing.delete(name)
        else this.#writing.set(name, left)
        if (!sure) this.#doubt(name)
      }
    }
  }

  #doubt(name: string): void {
    const now = this.#now()
    for (const [old, until] of this.#unsure) {
      if (until > now) break
      this.#unsure.delete(old)
    }
    this.#unsure.delete(name)
    if (this.#unsure.size >= UNSURE) this.#allUnsureUntil = now + UNSURE_MS
    else this.#unsure.set(name, now + UNSURE_MS)
  }
}

function userName(user: string): string {
  return `user ${user}`
}

function rowsName(rows: string): string {
  return `rows ${rows}`
}
