/** What a `Bag` can hold: it keeps there where the thing lies; -1 while it is in none. */
export interface Bagged {
  place: number
}

/**
 * Things that come and go, in no order. Not a Set: each table that V8's has outgrown or cleaned points to the next one and
 * keeps what was in it, so that all are kept until the next full collection once the first is old. With the gateway's calls
 * in a Set, 2.4 MB of every 11 MB that requests had allocated outlived them; 1.2 MB without.
 */
export class Bag<T extends Bagged> {
  readonly #things: T[] = []

  get size(): number {
    return this.#things.length
  }

  /** @param thing one that is in no bag. */
  add(thing: T): void {
    thing.place = this.#things.length
    this.#things.push(thing)
  }

  /** @returns whether it was here. */
  delete(thing: T): boolean {
    const { place } = thing
    if (this.#things[place] !== thing) return false
    const last = this.#things.pop()!
    thing.place = -1
    if (last === thing) return true
    this.#things[place] = last
    last.place = place
    return true
  }

  /** All that are here now; they may be taken out meanwhile. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#things.slice().values()
  }
}
