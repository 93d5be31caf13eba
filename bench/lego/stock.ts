import type { Random } from '@banyan/lab'

/** Something that one of the users has. */
export interface Owned {
  readonly id: string
  /** Which of the users. */
  readonly user: number
}

/** What there is, for requests to be about. */
export interface Stock {
  readonly mocs: readonly Owned[]
  /** Those that nobody deletes: MOCs link them. */
  readonly images: readonly Owned[]
  readonly items: readonly Owned[]
}

/** What is asked about, changed and deleted, while more is made. */
export class Shelf {
  readonly #there: Owned[]
  #leaving: { readonly owned: Owned; readonly sinceMs: number }[] = []
  readonly #restMs: number

  /** @param restMs what is to be deleted is left alone for so long before, so that no request about it is under way */
  constructor(owned: readonly Owned[], restMs: number) {
    this.#there = [...owned]
    this.#restMs = restMs
  }

  get there(): readonly Owned[] {
    return this.#there
  }

  add(owned: Owned): void {
    this.#there.push(owned)
  }

  pick(random: Random): Owned {
    return random.pick(this.#there)
  }

  /** One that nobody has asked about of late; null while there is none. Another is chosen to rest. */
  take(random: Random, nowMs: number): Owned | null {
    const at = random.below(this.#there.length)
    const last = this.#there.pop()!
    const chosen = at === this.#there.length ? last : this.#there[at]!
    if (chosen !== last) this.#there[at] = last
    this.#leaving.push({ owned: chosen, sinceMs: nowMs })
    if (nowMs - this.#leaving[0]!.sinceMs < this.#restMs) return null
    return this.#leaving.shift()!.owned
  }
}
