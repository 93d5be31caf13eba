import type { State } from './state.ts'

/** A growing list of 32-bit integers, without a box for each. */
export class Ints {
  #items = new Int32Array(1024)
  length = 0

  push(value: number): void {
    if (this.length === this.#items.length) {
      const grown = new Int32Array(this.length * 2)
      grown.set(this.#items)
      this.#items = grown
    }
    this.#items[this.length] = value
    this.length += 1
  }

  at(index: number): number {
    return this.#items[index]!
  }
}

const PAGE_STATES = 1 << 14

/**
 * Every state met, once, numbered in the order it was met. States are compared byte by byte: a
 * hash only says where to look, so that no state is taken for another.
 */
export class StateStore {
  readonly #bytes: number
  readonly #pages: Uint8Array[] = []
  /** Number + 1 of the state in each place; 0 is free. Open addressing, at most half full. */
  #table = new Int32Array(1 << 12)
  size = 0

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  /** The state's number, and whether it is new. */
  add(s: State): { index: number; isNew: boolean } {
    if (this.size * 2 >= this.#table.length) this.#grow()
    const mask = this.#table.length - 1
    let place = this.#hash(s) & mask
    for (;;) {
      const found = this.#table[place]!
      if (found === 0) break
      if (this.#same(s, found - 1)) return { index: found - 1, isNew: false }
      place = (place + 1) & mask
    }
    const index = this.size
    this.#table[place] = index + 1
    if (index % PAGE_STATES === 0) this.#pages.push(new Uint8Array(PAGE_STATES * this.#bytes))
    this.#pages[this.#pages.length - 1]!.set(s, (index % PAGE_STATES) * this.#bytes)
    this.size += 1
    return { index, isNew: true }
  }

  get(index: number): State {
    const at = (index % PAGE_STATES) * this.#bytes
    return this.#pages[Math.floor(index / PAGE_STATES)]!.slice(at, at + this.#bytes)
  }

  #same(s: State, index: number): boolean {
    const page = this.#pages[Math.floor(index / PAGE_STATES)]!
    const at = (index % PAGE_STATES) * this.#bytes
    for (let i = 0; i < this.#bytes; i += 1) if (page[at + i] !== s[i]) return false
    return true
  }

  /** FNV-1a, its bits folded down since the table looks at the low ones. */
  #hash(s: State): number {
    let h = 0x811c9dc5
    for (let i = 0; i < this.#bytes; i += 1) h = Math.imul(h ^ s[i]!, 0x01000193)
    return (h ^ (h >>> 15)) >>> 0
  }

  #grow(): void {
    const bigger = new Int32Array(this.#table.length * 2)
    const mask = bigger.length - 1
    for (let index = 0; index < this.size; index += 1) {
      let place = this.#hash(this.get(index)) & mask
      while (bigger[place] !== 0) place = (place + 1) & mask
      bigger[place] = index + 1
    }
    this.#table = bigger
  }
}
